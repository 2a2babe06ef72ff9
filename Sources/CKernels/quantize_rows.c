// Chooses the instruction set of the kernels of quantize_rows.h; four-bit codes, which come in bytes already.
#include "include/quantize_rows.h"

#include "dispatch.h"
#include "include/interleaved.h"

#define DECLARE(suffix)                                                                                              \
  void walsh_quantize_rows_##suffix(const float *, size_t, size_t, size_t, size_t, float, uint8_t *);                \
  void walsh_split_rows_##suffix(const float *, size_t, size_t, size_t, size_t, float, uint8_t *);

DECLARE(base)
#if defined(__x86_64__)
DECLARE(avx2)
DECLARE(avx512)
#endif

void walsh_quantize_rows(int isa, const float *x, size_t rows, size_t columns, size_t group, size_t groups,
                         float factor, uint8_t *tile) {
  CALL(walsh_quantize_rows, x, rows, columns, group, groups, factor, tile);
}

void walsh_split_rows(int isa, const float *x, size_t rows, size_t columns, size_t group, size_t groups,
                      float factor, uint8_t *tile) {
  CALL(walsh_split_rows, x, rows, columns, group, groups, factor, tile);
}

void walsh_expand_rows(const uint8_t *codes, size_t stride, const float *scales, int elements, size_t rows,
                       size_t columns, size_t group, size_t groups, float factor, uint8_t *tile) {
  static const int8_t values[2][16] = {
      {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12},
      {-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7},
  };
  const int8_t *table = values[elements];
  const size_t stored = (columns + group - 1) / group;
  for (size_t g = 0; g < groups; g++) {
    int32_t *header = (int32_t *)(tile + g * rows * (group + 8));
    for (size_t t = 0; t < rows; t++) {
      const uint8_t *row = codes + t * stride;
      const size_t first = g * group, end = columns < first + group ? columns : first + group;
      int32_t sum = 0, any = 0;
      for (size_t q = 0; q < group / 4; q++) {
        int8_t quad[4] = {0, 0, 0, 0};
        for (size_t j = 0; j < 4; j++) {
          size_t i = first + 4 * q + j;
          if (i >= end) break;
          quad[j] = table[row[i / 2] >> (i & 1) * 4 & 15];
          sum += quad[j];
          any |= quad[j];
        }
        __builtin_memcpy(header + (2 + q) * rows + t, quad, 4);
      }
      float scale = g < stored ? scales[t * stored + g] * factor : 0;
      if (any == 0 && scale == scale) scale = 0;
      header[t] = -12 * sum;
      __builtin_memcpy(header + rows + t, &scale, 4);
    }
  }
}
