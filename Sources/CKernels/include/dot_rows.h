// Products with decoded rows, for the formats that interleaved.h does not take.
#pragma once
#include <stddef.h>

/// y[t * stride + r] = sum over k of x[t][k] * w[r][k], for Float32 rows of length k.
///
/// The order of the sum depends on k and the instruction set only.
void walsh_dot_rows(int isa, const float *w, size_t rows, const float *x, size_t tokens, size_t k, float *y,
                    size_t stride);
