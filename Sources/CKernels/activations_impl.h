// One instruction set's functions of exp. FN adds its suffix.
#include <stddef.h>
#include <stdint.h>

// Fused multiply-adds would make the bits depend on the processor.
#pragma clang fp contract(off)

#define REAL float
#define INTEGER int32_t
#define EXP FN(exp)
#include "exp_impl.h"

void FN(walsh_exp)(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] = FN(exp)(x[i]);
}

void FN(walsh_sigmoid)(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] = 1.0f / (1.0f + FN(exp)(-x[i]));
}

void FN(walsh_silu)(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] = x[i] / (1.0f + FN(exp)(-x[i]));
}

void FN(walsh_silu_gradient)(const float *x, const float *g, float *y, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float s = 1.0f / (1.0f + FN(exp)(-x[i]));
    y[i] = g[i] * (s * (1.0f + x[i] * (1.0f - s)));
  }
}

void FN(walsh_silu_gated)(const float *x, const float *u, float *y, size_t count) {
  for (size_t i = 0; i < count; i++) y[i] = x[i] / (1.0f + FN(exp)(-x[i])) * u[i];
}

void FN(walsh_silu_gated_gradients)(const float *x, const float *u, const float *g, float *restrict dx,
                                    float *restrict du, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float s = 1.0f / (1.0f + FN(exp)(-x[i]));
    dx[i] = g[i] * u[i] * (s * (1.0f + x[i] * (1.0f - s)));
    du[i] = g[i] * (x[i] * s);
  }
}

double FN(walsh_exp_shifted)(float *x, float top, size_t count) {
  for (size_t i = 0; i < count; i++) x[i] = FN(exp)(x[i] - top);
  double lanes[8] = {0};
  size_t whole = count / 8 * 8;
  for (size_t i = 0; i < whole; i += 8)
    for (int j = 0; j < 8; j++) lanes[j] += x[i + j];
  for (size_t i = whole; i < count; i++) lanes[i - whole] += x[i];
  double sum = 0;
  for (int j = 0; j < 8; j++) sum += lanes[j];
  return sum;
}
