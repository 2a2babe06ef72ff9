// The kernels of dot_rows.h for vectors of W lanes; FN(name) adds the suffix of the instruction set.
#include <stddef.h>

#include "include/dot_rows.h"

#define INLINE static inline __attribute__((always_inline))

typedef float FN(f) __attribute__((ext_vector_type(W)));
typedef float FN(fu) __attribute__((ext_vector_type(W), aligned(4)));

INLINE float FN(sum)(FN(f) v) {
  float total = 0;
#pragma clang loop unroll(full)
  for (int i = 0; i < W; i++) total += v[i];
  return total;
}

// A tile of four rows by `tokens` tokens, held in registers.
INLINE void FN(tile)(const float *w, size_t rows, const float *x, int tokens, size_t k, float *y, size_t stride) {
  const float *row[4];
  for (size_t r = 0; r < 4; r++) row[r] = w + (r < rows ? r : 0) * k;
  FN(f) acc[4][4] = {};
  size_t i = 0;
  for (; i + W <= k; i += W) {
    FN(f) b[4];
#pragma clang loop unroll(full)
    for (int r = 0; r < 4; r++) b[r] = *(const FN(fu) *)(row[r] + i);
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++) {
      FN(f) a = *(const FN(fu) *)(x + (size_t)t * k + i);
#pragma clang loop unroll(full)
      for (int r = 0; r < 4; r++) acc[t][r] += a * b[r];
    }
  }
  for (int t = 0; t < tokens; t++)
    for (size_t r = 0; r < rows; r++) {
      float total = FN(sum)(acc[t][r]);
      for (size_t j = i; j < k; j++) total += x[(size_t)t * k + j] * row[r][j];
      y[(size_t)t * stride + r] = total;
    }
}

static __attribute__((noinline)) void FN(tile4)(const float *w, size_t rows, const float *x, size_t k, float *y,
                                                size_t stride) {
  FN(tile)(w, rows, x, 4, k, y, stride);
}
static __attribute__((noinline)) void FN(tile1)(const float *w, size_t rows, const float *x, size_t k, float *y,
                                                size_t stride) {
  FN(tile)(w, rows, x, 1, k, y, stride);
}

void FN(walsh_dot_rows)(const float *w, size_t rows, const float *x, size_t tokens, size_t k, float *y,
                        size_t stride) {
  for (size_t r = 0; r < rows; r += 4) {
    size_t n = rows - r < 4 ? rows - r : 4, t = 0;
    for (; t + 4 <= tokens; t += 4) FN(tile4)(w + r * k, n, x + t * k, k, y + t * stride + r, stride);
    for (; t < tokens; t++) FN(tile1)(w + r * k, n, x + t * k, k, y + t * stride + r, stride);
  }
}
