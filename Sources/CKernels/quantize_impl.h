// The kernels of quantize.h for vectors of W lanes; FN(name) adds the suffix of the instruction set.
//
// No product may be fused with a sum here: the results are compared bit for bit with the scalar reference.
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "include/quantize.h"

#pragma clang fp contract(off)
#define INLINE static inline __attribute__((always_inline))

typedef float FN(f) __attribute__((ext_vector_type(W)));
typedef float FN(fu) __attribute__((ext_vector_type(W), aligned(4)));
typedef uint32_t FN(u) __attribute__((ext_vector_type(W)));
typedef uint32_t FN(uu) __attribute__((ext_vector_type(W), aligned(4)));
typedef int32_t FN(i) __attribute__((ext_vector_type(W)));
typedef uint64_t FN(q) __attribute__((ext_vector_type(W / 2)));
typedef uint8_t FN(b) __attribute__((ext_vector_type(W / 2)));
typedef uint8_t FN(bu) __attribute__((ext_vector_type(W / 2), aligned(1)));
typedef uint8_t FN(c) __attribute__((ext_vector_type(W)));
typedef uint8_t FN(cu) __attribute__((ext_vector_type(W), aligned(1)));

#define INFINITE 0x7F800000u

INLINE float FN(float_of)(uint32_t bits) {
  float x;
  memcpy(&x, &bits, 4);
  return x;
}
INLINE uint32_t FN(bits_of)(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return bits;
}
INLINE FN(f) FN(load)(const float *p) { return *(const FN(fu) *)p; }
INLINE void FN(store)(float *p, FN(f) x) { *(FN(fu) *)p = x; }

// Random words as fractions in [0, 1).
INLINE FN(f) FN(uniform)(const uint32_t *words) {
  return __builtin_convertvector((FN(i))(*(const FN(uu) *)words >> 8), FN(f)) * 0x1p-24f;
}

// The W values at x, or in `buffer` a copy of the `count` < W that there are, with zeros behind.
INLINE const float *FN(whole)(const float *x, size_t count, float buffer[W]) {
  if (count >= W) return x;
  memset(buffer, 0, W * sizeof(float));
  return memcpy(buffer, x, count * sizeof(float));
}
// The same for random words; NULL where there are none.
INLINE const uint32_t *FN(whole_words)(const uint32_t *words, size_t count, uint32_t buffer[W]) {
  if (!words || count >= W) return words;
  memset(buffer, 0, W * sizeof(uint32_t));
  return memcpy(buffer, words, count * sizeof(uint32_t));
}

#include "quantize_fp4_impl.h"
#include "quantize_fp4_scales_impl.h"
#include "quantize_random_impl.h"
void FN(walsh_range)(const float *x, size_t n, float *lowest, float *highest) {
  FN(f) lo = 0, hi = 0;
  FN(u) m = 0;
  size_t i = 0;
  for (; i + W <= n; i += W) {
    FN(f) v = FN(load)(x + i);
    lo = v < lo ? v : lo;
    hi = v > hi ? v : hi;
    m = __builtin_elementwise_max(m, (FN(u))v & 0x7FFFFFFF);
  }
  uint32_t largest = __builtin_reduce_max(m);
  float l = 0, h = 0;
  for (size_t k = 0; k < W; k++) {
    l = lo[k] < l ? lo[k] : l;
    h = hi[k] > h ? hi[k] : h;
  }
  for (; i < n; i++) {
    uint32_t bits = FN(bits_of)(x[i]) & 0x7FFFFFFF;
    largest = bits > largest ? bits : largest;
    l = x[i] < l ? x[i] : l;
    h = x[i] > h ? x[i] : h;
  }
  float nan = FN(float_of)(0x7FC00000);
  *lowest = largest >= INFINITE ? nan : l;
  *highest = largest >= INFINITE ? nan : h;
}

float FN(walsh_finite_amax)(const float *x, size_t n) {
  FN(u) a = 0, b = 0;
  size_t i = 0;
  for (; i + 2 * W <= n; i += 2 * W) {
    FN(u) p = (FN(u))FN(load)(x + i) & 0x7FFFFFFF, q = (FN(u))FN(load)(x + i + W) & 0x7FFFFFFF;
    a = __builtin_elementwise_max(a, p < INFINITE ? p : 0);
    b = __builtin_elementwise_max(b, q < INFINITE ? q : 0);
  }
  uint32_t largest = __builtin_reduce_max(__builtin_elementwise_max(a, b));
  for (; i < n; i++) {
    uint32_t bits = FN(bits_of)(x[i]) & 0x7FFFFFFF;
    if (bits < INFINITE && bits > largest) largest = bits;
  }
  return FN(float_of)(largest);
}

#include "quantize_integers_impl.h"
#include "quantize_floats_impl.h"
