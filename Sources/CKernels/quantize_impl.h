// The kernels of quantize.h for vectors of W lanes; FN(name) adds the suffix of the instruction set.
//
// No product may be fused with a sum here: the results are compared bit for bit with the scalar reference.
#include <float.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "include/quantize.h"

#pragma clang fp contract(off)
#define INLINE static inline __attribute__((always_inline))

typedef float FN(f) __attribute__((ext_vector_type(W)));
typedef float FN(fu) __attribute__((ext_vector_type(W), aligned(4)));
typedef uint32_t FN(u) __attribute__((ext_vector_type(W)));
typedef int32_t FN(i) __attribute__((ext_vector_type(W)));
typedef uint64_t FN(q) __attribute__((ext_vector_type(W / 2)));
typedef uint8_t FN(b) __attribute__((ext_vector_type(W / 2)));
typedef uint8_t FN(bu) __attribute__((ext_vector_type(W / 2), aligned(1)));

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

// The code of each value of y, sign included, to nearest even; magnitudes above 6 saturate.
INLINE FN(u) FN(e2m1)(FN(f) y) {
  FN(u) bits = (FN(u))y;
  // Positive floats are ordered like their bit patterns.
  FN(u) magnitude = __builtin_elementwise_min(bits & 0x7FFFFFFF, (FN(u))0x40C00000);
  // From 1 up: keep one mantissa bit. 254 is the pattern of 1.0 shifted down, and its code is 2.
  FN(u) large = ((magnitude + 0x1FFFFF + ((magnitude >> 22) & 1)) >> 22) - 252;
  // Below 1 the grid has steps of a half, the unit in the last place of 2^22.
  FN(u) small = (FN(u))((FN(f))magnitude + 4194304.0f) & 3;
  FN(u) code = (FN(i))magnitude < 0x3F800000 ? small : large;
  return code | ((bits >> 28) & 8);
}

// Packs W codes, one in each 32-bit lane, into W / 2 bytes.
INLINE void FN(store_codes)(FN(u) code, uint8_t *codes) {
  FN(q) pair = (FN(q))code;
  pair |= pair >> 28;
  *(FN(bu) *)codes = __builtin_convertvector(pair, FN(b));
}

INLINE void FN(encode)(const float *x, size_t n, float factor, uint8_t *codes) {
#pragma clang loop unroll(full)
  for (size_t i = 0; i < n; i += W) FN(store_codes)(FN(e2m1)(FN(load)(x + i) * factor), codes + i / 2);
}

// The bit pattern of the largest magnitude of n values.
INLINE uint32_t FN(amax)(const float *x, size_t n) {
  FN(u) m = (FN(u))FN(load)(x) & 0x7FFFFFFF;
#pragma clang loop unroll(full)
  for (size_t i = W; i < n; i += W) m = __builtin_elementwise_max(m, (FN(u))FN(load)(x + i) & 0x7FFFFFFF);
  return __builtin_reduce_max(m);
}

INLINE uint32_t FN(mx_byte)(uint32_t am, int rule) {
  if (am >= INFINITE) return 255;
  int byte;
  switch (rule) {
  case WALSH_MX_FLOOR: byte = (int)(am >> 23) - 2; break;
  case WALSH_MX_CEIL: byte = (int)(am >> 23) + ((am & 0x7FFFFF) != 0) - 2; break;
  case WALSH_MX_EVEN: byte = (int)((am + 0x200000) >> 23) - 2; break;
  default: {
    uint32_t d = FN(bits_of)(FN(float_of)(am) * (1.0f / 6.0f));
    byte = (int)(d >> 23) + ((d & 0x7FFFFF) > (d >> 23 ? 0u : 0x400000u));
  }
  }
  return byte < 0 ? 0 : (uint32_t)byte;
}

INLINE void FN(mx_block)(const float *x, int rule, uint8_t *codes, uint8_t *scale) {
  uint32_t byte = FN(mx_byte)(FN(amax)(x, 32), rule);
  *scale = (uint8_t)byte;
  if (byte == 255) {
    memset(codes, 0, 16);
    return;
  }
  // 2^(127 - byte); the reciprocal of 2^127 is subnormal.
  FN(encode)(x, 32, FN(float_of)(byte == 254 ? 0x00400000u : (254 - byte) << 23), codes);
}

INLINE void FN(mx_rows)(const float *x, size_t rows, size_t columns, int rule, uint8_t *codes, uint8_t *scales) {
  size_t tail = columns % 32;
  if (tail == 0) {
    size_t blocks = rows * (columns / 32);
    for (size_t b = 0; b < blocks; b++) FN(mx_block)(x + 32 * b, rule, codes + 16 * b, scales + b);
    return;
  }
  for (size_t r = 0; r < rows; r++) {
    size_t c = 0;
    for (; c + 32 <= columns; c += 32, codes += 16) FN(mx_block)(x + c, rule, codes, scales++);
    float padded[32] = {0};
    uint8_t last[16];
    memcpy(padded, x + c, tail * sizeof(float));
    FN(mx_block)(padded, rule, last, scales++);
    memcpy(codes, last, (tail + 1) / 2);
    codes += (tail + 1) / 2;
    x += columns;
  }
}

void FN(walsh_quantize_mxfp4)(const float *x, size_t rows, size_t columns, int rule, uint8_t *codes,
                              uint8_t *scales) {
  // One loop for each rule, so that the choice is not in it.
  switch (rule) {
  case WALSH_MX_FLOOR: FN(mx_rows)(x, rows, columns, WALSH_MX_FLOOR, codes, scales); break;
  case WALSH_MX_CEIL: FN(mx_rows)(x, rows, columns, WALSH_MX_CEIL, codes, scales); break;
  case WALSH_MX_EVEN: FN(mx_rows)(x, rows, columns, WALSH_MX_EVEN, codes, scales); break;
  default: FN(mx_rows)(x, rows, columns, WALSH_MX_RCEIL, codes, scales); break;
  }
}

// Quantizes up to 16 groups of 16: their scales are computed W at a time.
INLINE void FN(nv_panel)(const float *x, size_t groups, float tensor_scale, uint8_t *codes, uint8_t *scales) {
  uint32_t am[16];
  float factor[16];
  for (size_t g = 0; g < groups; g++) am[g] = FN(amax)(x + 16 * g, 16);
  for (size_t g = groups; g < 16; g++) am[g] = 0;

  float multiplier = tensor_scale * (1.0f / 6.0f), decode = 1.0f / tensor_scale;
#pragma clang loop unroll(full)
  for (size_t g = 0; g < 16; g += W) {
    FN(u) m;
    memcpy(&m, am + g, sizeof m);
    FN(f) s = __builtin_elementwise_min((FN(f))m * multiplier, (FN(f))448.0f);
    // E4M3 to nearest even: three mantissa bits from 2^-6 up, steps of 2^-9 below.
    FN(u) bits = (FN(u))s;
    FN(u) large = ((bits + 0x7FFFF + ((bits >> 20) & 1)) >> 20) - 960;
    FN(u) small = (FN(u))(s + 16384.0f) & 15;
    FN(u) code = (FN(i))bits < 0x3C800000 ? small : large;
    FN(f) value = code < 8 ? __builtin_convertvector(code, FN(f)) * 0x1p-9f : (FN(f))((code + 960) << 20);
    FN(f) inverse = __builtin_elementwise_min(1.0f / (value * decode), (FN(f))FLT_MAX);
    code = m >= INFINITE ? (FN(u))0x7F : code;
    memcpy(factor + g, &inverse, sizeof inverse);
    uint32_t c[W];
    memcpy(c, &code, sizeof c);
#pragma clang loop unroll(full)
    for (size_t k = 0; k < W; k++)
      if (g + k < groups) scales[g + k] = (uint8_t)c[k];
  }
  for (size_t g = 0; g < groups; g++) {
    if (am[g] >= INFINITE)
      memset(codes + 8 * g, 0, 8);
    else
      FN(encode)(x + 16 * g, 16, factor[g], codes + 8 * g);
  }
}

void FN(walsh_quantize_nvfp4)(const float *x, size_t rows, size_t columns, float tensor_scale, uint8_t *codes,
                              uint8_t *scales) {
  size_t tail = columns % 16;
  // Without a tail the rows follow one another without a seam.
  size_t lines = tail ? rows : 1, whole = tail ? columns / 16 : rows * (columns / 16);
  for (size_t r = 0; r < lines; r++) {
    for (size_t g = 0; g < whole; g += 16) {
      size_t groups = whole - g < 16 ? whole - g : 16;
      FN(nv_panel)(x, groups, tensor_scale, codes, scales);
      x += 16 * groups, codes += 8 * groups, scales += groups;
    }
    if (!tail) continue;
    float padded[16] = {0};
    uint8_t last[8];
    memcpy(padded, x, tail * sizeof(float));
    FN(nv_panel)(padded, 1, tensor_scale, last, scales++);
    memcpy(codes, last, (tail + 1) / 2);
    codes += (tail + 1) / 2;
    x += tail;
  }
}

static const float FN(e2m1_values)[16] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0.0f, -0.5f, -1, -1.5f, -2, -3, -4, -6};

void FN(walsh_dequantize_fp4)(const uint8_t *codes, const float *scales, size_t rows, size_t columns, size_t group,
                              float *y) {
  for (size_t r = 0; r < rows; r++) {
    for (size_t c = 0; c < columns; c += group) {
      size_t n = columns - c < group ? columns - c : group, i = 0;
      float scale = *scales++;
      for (; i + W <= n; i += W) {
        FN(q) pair = __builtin_convertvector(*(const FN(bu) *)(codes + (c + i) / 2), FN(q));
        FN(u) code = (FN(u))((pair & 15) | ((pair & 0xF0) << 28));
        // value = ±magnitude; from code 2 up the pattern is that of 1.0 plus one mantissa bit a step.
        FN(u) magnitude = code & 7;
        FN(u) pattern = magnitude < 2 ? magnitude * 0x3F000000u : (magnitude + 252) << 22;
        *(FN(fu) *)(y + c + i) = (FN(f))(pattern | (code & 8) << 28) * scale;
      }
      for (; i < n; i++) y[c + i] = FN(e2m1_values)[codes[(c + i) / 2] >> (i & 1) * 4 & 15] * scale;
    }
    codes += (columns + 1) / 2;
    y += columns;
  }
}

// round(x / scale) within [low, high], NaN as 0. Adding 1.5 * 2^23 rounds to an integer (and -0 to +0); clamping to
// integers first does not change the result.
INLINE float FN(round_integer)(float x, float scale, float low, float high) {
  const float magic = 12582912.0f;
  float v = x / scale;
  v = v == v ? v : 0;
  v = v > low ? v : low;
  v = v < high ? v : high;
  return (v + magic) - magic;
}

void FN(walsh_round_integers)(const float *x, size_t n, float scale, float zero, float top, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = FN(round_integer)(x[i], scale, -zero, top - zero) * scale;
}

void FN(walsh_integer_errors)(const float *x, size_t n, float scale, float zero, float top, float lanes[16]) {
  size_t i = 0;
  // Sixteen lanes for every instruction set: the sums must not depend on it.
  for (; i + 16 <= n; i += 16)
    for (size_t k = 0; k < 16; k++) {
      float d = FN(round_integer)(x[i + k], scale, -zero, top - zero) * scale - x[i + k];
      lanes[k] += d * d;
    }
  for (size_t k = 0; i + k < n; k++) {
    float d = FN(round_integer)(x[i + k], scale, -zero, top - zero) * scale - x[i + k];
    lanes[k] += d * d;
  }
}

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
