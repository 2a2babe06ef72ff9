// The transpose of a matrix.
#pragma once
#include <stddef.h>

/// y[j * m + i] = x[i * n + j] for the columns j of `first ..< last` of x, shape [m, n].
void walsh_transpose(const float *x, size_t m, size_t n, size_t first, size_t last, float *y);
