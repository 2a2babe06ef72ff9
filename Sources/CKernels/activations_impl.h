// One instruction set's functions of exp. FN adds its suffix.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Fused multiply-adds would make the bits depend on the processor.
#pragma clang fp contract(off)

// x = n log 2 + r with |r| <= log(2) / 2, log 2 in two parts (Cody and Waite), and Cephes' polynomial of degree 7 in r.
static inline __attribute__((always_inline)) float FN(exp)(float x) {
  // Both comparisons are false for NaN, which stays.
  float clamped = x < -104.0f ? -104.0f : x;
  clamped = clamped > 89.0f ? 89.0f : clamped;
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
  float shifted = clamped * 1.44269504f + 0x1.8p23f;
  float n = shifted - 0x1.8p23f;
  float r = (clamped - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.98756915e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = (p * r * r + r) + 1.0f;
  // 2^n in two factors, because 2^-149 and 2^128 are no normal numbers.
  int32_t exponent;
  memcpy(&exponent, &shifted, 4);
  exponent -= 0x4B400000;
  int32_t half = exponent >> 1;
  uint32_t bits[2] = {(uint32_t)(half + 127) << 23, (uint32_t)(exponent - half + 127) << 23};
  float first, second;
  memcpy(&first, &bits[0], 4);
  memcpy(&second, &bits[1], 4);
  return p * first * second;
}

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
