// The kernels of quantize_rows.h for vectors of W lanes; FN(name) adds the suffix of the instruction set.
#include <stddef.h>
#include <stdint.h>

#include "include/quantize_rows.h"

#pragma clang fp contract(off)

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

typedef float FN(f) __attribute__((ext_vector_type(W)));
typedef float FN(fu) __attribute__((ext_vector_type(W), aligned(4)));
typedef int32_t FN(i) __attribute__((ext_vector_type(W)));
typedef int8_t FN(c) __attribute__((ext_vector_type(W)));
typedef uint32_t FN(words) __attribute__((ext_vector_type(W / 4)));

// Nothing is below 2^-100 in exponents, and everything from infinity on is not a number.
enum { FN(smallest) = 27 << 23, FN(infinite) = 0x7f800000 };

INLINE float FN(number)(uint32_t bits) {
  float x;
  __builtin_memcpy(&x, &bits, 4);
  return x;
}

// The bits of the largest magnitude of a group of `n` values.
INLINE uint32_t FN(amax)(const float *x, const int n) {
  FN(i) top = 0;
  UNROLL for (int i = 0; i < n; i += W)
    top = __builtin_elementwise_max(top, (FN(i))*(const FN(fu) *)(x + i) & 0x7fffffff);
  return (uint32_t)__builtin_reduce_max(top);
}

// To nearest even, for magnitudes below 2^23.
INLINE FN(i) FN(rounded)(FN(f) x) {
  FN(i) sign = (FN(i))x & INT32_MIN;
  FN(f) magnitude = ((FN(f))((FN(i))x ^ sign) + 0x1p23f) - 0x1p23f;
  return __builtin_convertvector((FN(f))((FN(i))magnitude | sign), FN(i));
}

// Writes W values of one row as quads, `rows` apart.
INLINE void FN(store)(FN(i) values, size_t rows, uint32_t *quads) {
  FN(words) words = (FN(words))__builtin_convertvector(values, FN(c));
  UNROLL for (int i = 0; i < W / 4; i++) quads[i * rows] = words[i];
}

// A group of one row: `header` and `quads` are those of the row in a tile of `rows`.
INLINE void FN(quantize_group)(const float *x, const int n, size_t rows, float unit, int32_t *header) {
  uint32_t amax = FN(amax)(x, n);
  int finite = amax >= FN(smallest) && amax < FN(infinite);
  float factor = finite ? 127 / FN(number)(amax) : 0;
  FN(i) sum = 0;
  UNROLL for (int i = 0; i < n; i += W) {
    FN(i) q = finite ? FN(rounded)(*(const FN(fu) *)(x + i) * factor) : (FN(i))0;
    sum += q;
    FN(store)(q, rows, (uint32_t *)header + (2 + i / 4) * rows);
  }
  float scale = amax >= FN(infinite) ? __builtin_nanf("") : finite ? FN(number)(amax) / 127 * unit : 0;
  header[0] = -12 * __builtin_reduce_add(sum);
  __builtin_memcpy(header + rows, &scale, 4);
}

// As above, the row being three of the tile.
INLINE void FN(split_group)(const float *x, const int n, size_t rows, float unit, int32_t *header) {
  uint32_t amax = FN(amax)(x, n);
  int finite = amax >= FN(smallest) && amax < FN(infinite);
  // amax / unit is at most 127 * (1 + 256 + 65536), what three digits reach.
  uint32_t exponent = (amax + 0x10101) >> 23;
  float factor = finite ? FN(number)((276 - exponent) << 23) : 0;
  FN(i) sums[3] = {0, 0, 0};
  UNROLL for (int i = 0; i < n; i += W) {
    FN(i) q = finite ? FN(rounded)(*(const FN(fu) *)(x + i) * factor) : (FN(i))0;
    UNROLL for (int digit = 2; digit >= 0; digit--) {
      FN(i) low = q << 24 >> 24;
      sums[digit] += low;
      FN(store)(low, rows, (uint32_t *)header + (2 + i / 4) * rows + digit);
      q = (q - low) >> 8;
    }
  }
  UNROLL for (int digit = 0; digit < 3; digit++) {
    float scale = amax >= FN(infinite) ? __builtin_nanf("")
                  : finite             ? FN(number)((exponent - 22 + 8 * (2 - (uint32_t)digit)) << 23) * unit
                                       : 0;
    header[digit] = -12 * __builtin_reduce_add(sums[digit]);
    __builtin_memcpy(header + rows + digit, &scale, 4);
  }
}

// `digits` rows of the tile for each row of x.
INLINE void FN(rows)(const float *x, size_t rows, size_t columns, const int n, size_t groups, const int digits,
                     float unit, uint8_t *tile) {
  const size_t width = rows * digits;
  for (size_t g = 0; g < groups; g++) {
    int32_t *header = (int32_t *)(tile + g * width * (n + 8));
    for (size_t t = 0; t < rows; t++, header += digits) {
      const float *values = x + t * columns + g * n;
      float padded[32];
      if ((g + 1) * n > columns) {
        size_t count = columns > g * n ? columns - g * n : 0;
        for (size_t i = 0; i < (size_t)n; i++) padded[i] = i < count ? values[i] : 0;
        values = padded;
      }
      if (digits == 1) FN(quantize_group)(values, n, width, unit, header);
      else FN(split_group)(values, n, width, unit, header);
    }
  }
}

void FN(walsh_quantize_rows)(const float *x, size_t rows, size_t columns, size_t group, size_t groups, float factor,
                             uint8_t *tile) {
  if (group == 16) FN(rows)(x, rows, columns, 16, groups, 1, factor, tile);
  else FN(rows)(x, rows, columns, 32, groups, 1, factor, tile);
}

void FN(walsh_split_rows)(const float *x, size_t rows, size_t columns, size_t group, size_t groups, float factor,
                             uint8_t *tile) {
  if (group == 16) FN(rows)(x, rows, columns, 16, groups, 3, factor, tile);
  else FN(rows)(x, rows, columns, 32, groups, 3, factor, tile);
}
