// Chooses the instruction set of the kernels of quantize.h.
#include "include/quantize.h"

#include "include/isa.h"

#define DECLARE(suffix)                                                                                              \
  void walsh_quantize_mxfp4_##suffix(const float *, size_t, size_t, int, uint8_t *, uint8_t *);                      \
  void walsh_quantize_nvfp4_##suffix(const float *, size_t, size_t, float, uint8_t *, uint8_t *);                    \
  void walsh_dequantize_fp4_##suffix(const uint8_t *, const float *, size_t, size_t, size_t, float *);               \
  void walsh_round_integers_##suffix(const float *, size_t, float, float, float, float *);                           \
  void walsh_integer_errors_##suffix(const float *, size_t, float, float, float, float *);                           \
  void walsh_range_##suffix(const float *, size_t, float *, float *);                                                \
  float walsh_finite_amax_##suffix(const float *, size_t);

DECLARE(base)
#if defined(__x86_64__)
DECLARE(avx2)
DECLARE(avx512)
#define CALL(name, ...)                                                                                              \
  (isa >= WALSH_ISA_AVX512 ? name##_avx512(__VA_ARGS__)                                                              \
   : isa == WALSH_ISA_AVX2 ? name##_avx2(__VA_ARGS__)                                                                \
                           : name##_base(__VA_ARGS__))
#else
#define CALL(name, ...) ((void)isa, name##_base(__VA_ARGS__))
#endif

void walsh_quantize_mxfp4(int isa, const float *x, size_t rows, size_t columns, int rule, uint8_t *codes,
                          uint8_t *scales) {
  CALL(walsh_quantize_mxfp4, x, rows, columns, rule, codes, scales);
}

void walsh_quantize_nvfp4(int isa, const float *x, size_t rows, size_t columns, float tensor_scale, uint8_t *codes,
                          uint8_t *scales) {
  CALL(walsh_quantize_nvfp4, x, rows, columns, tensor_scale, codes, scales);
}

void walsh_dequantize_fp4(int isa, const uint8_t *codes, const float *scales, size_t rows, size_t columns,
                          size_t group, float *y) {
  CALL(walsh_dequantize_fp4, codes, scales, rows, columns, group, y);
}

void walsh_round_integers(int isa, const float *x, size_t n, float scale, float zero, float top, float *y) {
  CALL(walsh_round_integers, x, n, scale, zero, top, y);
}

void walsh_integer_errors(int isa, const float *x, size_t n, float scale, float zero, float top, float lanes[16]) {
  CALL(walsh_integer_errors, x, n, scale, zero, top, lanes);
}

void walsh_range(int isa, const float *x, size_t n, float *lowest, float *highest) {
  CALL(walsh_range, x, n, lowest, highest);
}

float walsh_finite_amax(int isa, const float *x, size_t n) { return CALL(walsh_finite_amax, x, n); }
