// Products of Float32 activations with a matrix that stays in bfloat16.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// y[t · stride + r] = Σ_c x[t][c] · w[r][c] for `tokens` rows x and `rows` rows w of `columns` values each, contiguous.
/// `w` holds bfloat16 bits, widened exactly; products and sums are Float32. The order of a sum depends on `columns` and
/// `isa` (a WALSH_ISA_* that this processor runs) alone: a result does not depend on `tokens` or `rows`.
void walsh_bfloat16_dot_rows(int isa, const uint16_t *w, size_t rows, const float *x, size_t tokens, size_t columns,
                             float *y, size_t stride);

/// The reference: every sum in Float64 from the left, rounded once.
void walsh_bfloat16_dot_rows_scalar(const uint16_t *w, size_t rows, const float *x, size_t tokens, size_t columns,
                                    float *y, size_t stride);
