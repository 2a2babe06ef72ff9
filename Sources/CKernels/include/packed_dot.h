// Products with quantized rows: the portable kernels that every format can use.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// y[t * stride + r] = sum over k of x[t][k] * w[r][k], for Float32 rows of length k.
///
/// The order of the sum depends on k and the instruction set only.
void walsh_dot_rows(int isa, const float *w, size_t rows, const float *x, size_t tokens, size_t k, float *y,
                    size_t stride);

/// Twice the values of `columns` E2M1 codes in sequential pairs, then zeros up to `padded` columns.
void walsh_double_fp4(const uint8_t *codes, size_t columns, size_t padded, int8_t *values);

/// y[t * stride + r] = sum over groups of (integer sum of the group) * ws[r][g] * xs[t][g] / 4, for doubled E2M1 values.
///
/// The integer sums are exact; the groups are added in order in Float32, so every instruction set gives the same bits.
/// `group` is a multiple of 16 and at most 1024, and rows are `groups * group` long.
void walsh_dot_fp4(int isa, const int8_t *w, const float *ws, size_t rows, const int8_t *x, const float *xs,
                   size_t tokens, size_t groups, size_t group, float *y, size_t stride);
