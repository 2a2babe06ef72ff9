// Chooses the instruction set of the kernels of quantize.h.
#include "dispatch.h"
#include "include/quantize.h"


#define DECLARE(suffix)                                                                                              \
  void walsh_fp4_scales_##suffix(const float *, size_t, size_t, int, float, uint8_t *);                              \
  void walsh_encode_fp4_##suffix(const float *, size_t, size_t, size_t, const uint8_t *, const walsh_fp4_table *,    \
                                 const uint32_t *, uint8_t *);                                                       \
  void walsh_round_fp4_##suffix(const float *, size_t, size_t, size_t, const uint8_t *, const walsh_fp4_table *,     \
                                const uint32_t *, float *);                                                          \
  void walsh_dequantize_fp4_##suffix(const uint8_t *, const float *, size_t, size_t, size_t, float *);               \
  void walsh_fp4_errors_##suffix(const float *, size_t, float, int, float, float *);                                 \
  float walsh_four_over_six_error_##suffix(const float *, size_t, float, float, float, int);                         \
  void walsh_round_integers_##suffix(const float *, size_t, float, float, float, const uint32_t *, float *);         \
  void walsh_encode_integers_##suffix(const float *, size_t, float, float, float, const uint32_t *, uint8_t *);      \
  size_t walsh_search_integers_##suffix(const float *, size_t, size_t, size_t, const float *, const float *, size_t, \
                                        float);                                                                      \
  void walsh_encode_floats_##suffix(const float *, size_t, const walsh_minifloat *, float, int, int,                 \
                                    const uint32_t *, uint8_t *);                                                    \
  void walsh_round_floats_##suffix(const float *, size_t, const walsh_minifloat *, float, int, float, int,           \
                                   const uint32_t *, float *);                                                       \
  void walsh_random_words_##suffix(uint64_t, uint64_t, uint64_t, size_t, uint32_t *);                                \
  void walsh_range_##suffix(const float *, size_t, float *, float *);                                                \
  float walsh_finite_amax_##suffix(const float *, size_t);

DECLARE(base)
#if defined(__x86_64__)
DECLARE(avx2)
DECLARE(avx512)
#endif

void walsh_fp4_scales(int isa, const float *x, size_t rows, size_t columns, int rule, float tensor_scale,
                      uint8_t *scales) {
  CALL(walsh_fp4_scales, x, rows, columns, rule, tensor_scale, scales);
}

void walsh_encode_fp4(int isa, const float *x, size_t rows, size_t columns, size_t group, const uint8_t *scales,
                      const walsh_fp4_table *table, const uint32_t *words, uint8_t *codes) {
  CALL(walsh_encode_fp4, x, rows, columns, group, scales, table, words, codes);
}

void walsh_round_fp4(int isa, const float *x, size_t rows, size_t columns, size_t group, const uint8_t *scales,
                     const walsh_fp4_table *table, const uint32_t *words, float *y) {
  CALL(walsh_round_fp4, x, rows, columns, group, scales, table, words, y);
}

void walsh_dequantize_fp4(int isa, const uint8_t *codes, const float *scales, size_t rows, size_t columns,
                          size_t group, float *y) {
  CALL(walsh_dequantize_fp4, codes, scales, rows, columns, group, y);
}

void walsh_fp4_errors(int isa, const float *x, size_t n, float operand, int divides, float value, float lanes[16]) {
  CALL(walsh_fp4_errors, x, n, operand, divides, value, lanes);
}

float walsh_four_over_six_error(int isa, const float *x, size_t n, float operand, float stored, float amax,
                                int squared) {
  return CALL(walsh_four_over_six_error, x, n, operand, stored, amax, squared);
}

void walsh_round_integers(int isa, const float *x, size_t n, float scale, float zero, float top,
                          const uint32_t *words, float *y) {
  CALL(walsh_round_integers, x, n, scale, zero, top, words, y);
}

void walsh_encode_integers(int isa, const float *x, size_t n, float scale, float zero, float top,
                           const uint32_t *words, uint8_t *codes) {
  CALL(walsh_encode_integers, x, n, scale, zero, top, words, codes);
}

size_t walsh_search_integers(int isa, const float *x, size_t rows, size_t columns, size_t stride,
                             const float *scales, const float *zeros, size_t count, float top) {
  return CALL(walsh_search_integers, x, rows, columns, stride, scales, zeros, count, top);
}

void walsh_encode_floats(int isa, const float *x, size_t n, const walsh_minifloat *format, float operand, int divides,
                         int rounding, const uint32_t *words, uint8_t *codes) {
  CALL(walsh_encode_floats, x, n, format, operand, divides, rounding, words, codes);
}

void walsh_round_floats(int isa, const float *x, size_t n, const walsh_minifloat *format, float operand, int divides,
                        float scale, int rounding, const uint32_t *words, float *y) {
  CALL(walsh_round_floats, x, n, format, operand, divides, scale, rounding, words, y);
}

void walsh_random_words(int isa, uint64_t key, uint64_t prefix, uint64_t first, size_t blocks, uint32_t *words) {
  CALL(walsh_random_words, key, prefix, first, blocks, words);
}

void walsh_range(int isa, const float *x, size_t n, float *lowest, float *highest) {
  CALL(walsh_range, x, n, lowest, highest);
}

float walsh_finite_amax(int isa, const float *x, size_t n) { return CALL(walsh_finite_amax, x, n); }
