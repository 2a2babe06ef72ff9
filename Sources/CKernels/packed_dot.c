// Chooses the instruction set of the kernels of packed_dot.h.
#include "dispatch.h"
#include "include/packed_dot.h"


#define DECLARE(suffix)                                                                                              \
  void walsh_dot_rows_##suffix(const float *, size_t, const float *, size_t, size_t, float *, size_t);               \
  void walsh_dot_fp4_##suffix(const int8_t *, const float *, size_t, const int8_t *, const float *, size_t, size_t,  \
                              size_t, float *, size_t);

DECLARE(base)
#if defined(__x86_64__)
DECLARE(avx2)
DECLARE(avx512)
#endif

void walsh_dot_rows(int isa, const float *w, size_t rows, const float *x, size_t tokens, size_t k, float *y,
                    size_t stride) {
  CALL(walsh_dot_rows, w, rows, x, tokens, k, y, stride);
}

void walsh_dot_fp4(int isa, const int8_t *w, const float *ws, size_t rows, const int8_t *x, const float *xs,
                   size_t tokens, size_t groups, size_t group, float *y, size_t stride) {
  CALL(walsh_dot_fp4, w, ws, rows, x, xs, tokens, groups, group, y, stride);
}

void walsh_double_fp4(const uint8_t *codes, size_t columns, size_t padded, int8_t *values) {
  static const int8_t doubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
  for (size_t i = 0; i < columns; i++) values[i] = doubled[codes[i / 2] >> (i & 1) * 4 & 15];
  for (size_t i = columns; i < padded; i++) values[i] = 0;
}
