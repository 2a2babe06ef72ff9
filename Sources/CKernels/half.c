#include "include/half.h"

#include <stdint.h>
#include <string.h>

// Memory-bound loops that clang vectorises for the base instruction set; wider ones measure the same.

static inline float from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

static inline uint32_t to_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return bits;
}

void walsh_float_from_half(const void *source, float *destination, size_t count) {
  const unsigned char *bytes = source;
  for (size_t i = 0; i < count; i++) {
    uint16_t half;
    memcpy(&half, bytes + 2 * i, 2);
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t magnitude = half & 0x7fff;
    // The product with 2^112 moves the exponent from bias 15 to bias 127 and is exact for subnormals, too.
    uint32_t finite = to_bits(from_bits(magnitude << 13) * 0x1p112f);
    uint32_t special = 0x7f800000 | (magnitude & 0x3ff) << 13 | (magnitude > 0x7c00 ? 0x400000 : 0);
    destination[i] = from_bits(sign | (magnitude >= 0x7c00 ? special : finite));
  }
}

void walsh_float_from_bfloat16(const void *source, float *destination, size_t count) {
  const unsigned char *bytes = source;
  for (size_t i = 0; i < count; i++) {
    uint16_t half;
    memcpy(&half, bytes + 2 * i, 2);
    destination[i] = from_bits((uint32_t)half << 16);
  }
}

void walsh_float_from_double(const void *source, float *destination, size_t count) {
  const unsigned char *bytes = source;
  for (size_t i = 0; i < count; i++) {
    double value;
    memcpy(&value, bytes + 8 * i, 8);
    destination[i] = (float)value;
  }
}

void walsh_half_from_float(const float *source, void *destination, size_t count) {
  unsigned char *bytes = destination;
  for (size_t i = 0; i < count; i++) {
    uint32_t bits = to_bits(source[i]);
    uint32_t magnitude = bits & 0x7fffffff;
    // Normal results: add half a unit of the tenth mantissa bit (less one when the result is even), rebias.
    uint32_t normal = (magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13;
    // Subnormal results: adding 0.5 aligns the last bit of the sum with 2^-24, the adder rounds.
    uint32_t subnormal = to_bits(from_bits(magnitude) + 0.5f) - 0x3f000000;
    uint32_t half = magnitude < 0x38800000 ? subnormal : normal;
    half = magnitude >= 0x477ff000 ? 0x7c00 : half;
    half = magnitude > 0x7f800000 ? 0x7e00 : half;
    uint16_t result = (uint16_t)(bits >> 16 & 0x8000) | (uint16_t)half;
    memcpy(bytes + 2 * i, &result, 2);
  }
}

void walsh_bfloat16_from_float(const float *source, void *destination, size_t count) {
  unsigned char *bytes = destination;
  for (size_t i = 0; i < count; i++) {
    uint32_t bits = to_bits(source[i]);
    uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    uint32_t quiet = bits >> 16 | 0x40;
    uint16_t result = (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded);
    memcpy(bytes + 2 * i, &result, 2);
  }
}

void walsh_round_to_bfloat16(const float *x, float *y, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t bits = to_bits(x[i]);
    uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1);
    y[i] = from_bits(((bits & 0x7fffffff) > 0x7f800000 ? bits | 0x400000 : rounded) & 0xffff0000);
  }
}

size_t walsh_first_not_finite(const float *values, size_t count) {
  for (size_t start = 0; start < count; start += 1024) {
    size_t end = start + 1024 < count ? start + 1024 : count;
    uint32_t found = 0;
    for (size_t i = start; i < end; i++) found |= (to_bits(values[i]) & 0x7f800000) == 0x7f800000;
    if (!found) continue;
    for (size_t i = start; i < end; i++)
      if ((to_bits(values[i]) & 0x7f800000) == 0x7f800000) return i;
  }
  return count;
}
