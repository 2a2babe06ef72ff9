// Transposes of matrices.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// y[j * m + i] = x[i * n + j] for the columns j of `first ..< last` of x, shape [m, n].
void walsh_transpose(const float *x, size_t m, size_t n, size_t first, size_t last, float *y);

/// The transpose of a matrix of four-bit codes in sequential pairs: x has m rows of (n + 1) / 2 bytes, y n rows of
/// (m + 1) / 2; the unused half of a last byte is 0.
void walsh_transpose_codes(const uint8_t *x, size_t m, size_t n, uint8_t *y);
