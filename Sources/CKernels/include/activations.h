// Functions of exp over arrays, one value after the other and the same bits for every instruction set.
#pragma once
#include <stddef.h>

/// y[i] = exp(x[i]), less than 1 unit in the last place from exact. NaN stays; below -104 gives 0, above 89 infinity.
void walsh_exp(int isa, const float *x, float *y, size_t count);
/// y[i] = 1 / (1 + exp(-x[i])).
void walsh_sigmoid(int isa, const float *x, float *y, size_t count);
/// y[i] = x[i] / (1 + exp(-x[i])).
void walsh_silu(int isa, const float *x, float *y, size_t count);
/// y[i] = g[i] times the derivative of SiLU at x[i].
void walsh_silu_gradient(int isa, const float *x, const float *g, float *y, size_t count);
/// y[i] = silu(x[i]) * u[i].
void walsh_silu_gated(int isa, const float *x, const float *u, float *y, size_t count);
/// dx[i] = g[i] u[i] silu'(x[i]) and du[i] = g[i] silu(x[i]).
void walsh_silu_gated_gradients(int isa, const float *x, const float *u, const float *g, float *dx, float *du,
                                size_t count);
/// x[i] = exp(x[i] - top) for all i; returns their sum, added in eight Float64 lanes and these in order.
double walsh_exp_shifted(int isa, float *x, float top, size_t count);
