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

// What the two codes of a byte stand for: both values as bytes in the lower half, their sum in the upper half.
typedef int32_t code_pair;

// The values of the codes from `first` to `end` of a row as quads `rows` apart, zeros behind them; returns their sum, and in
// `any` a number that is zero if all are. `first` is even.
static int32_t expand_group(const uint8_t *codes, size_t first, size_t end, size_t group, const code_pair *pairs,
                            size_t rows, uint32_t *quads, uint32_t *any) {
  int32_t sum = 0;
  uint32_t all = 0;
  for (size_t q = 0; q < group / 4; q++, quads += rows) {
    size_t i = first + 4 * q;
    uint32_t quad = 0;
    if (i + 4 <= end) {
      code_pair a = pairs[codes[i / 2]], b = pairs[codes[i / 2 + 1]];
      quad = (a & 0xffff) | (uint32_t)b << 16;
      sum += (a >> 16) + (b >> 16);
    } else {
      for (size_t j = 0; i + j < end; j++) {
        int8_t value = (int8_t)(pairs[codes[(i + j) / 2]] >> (j & 1) * 8);
        quad |= (uint32_t)(uint8_t)value << 8 * j;
        sum += value;
      }
    }
    *quads = quad;
    all |= quad;
  }
  *any = all;
  return sum;
}

void walsh_expand_rows(const uint8_t *codes, size_t stride, const float *scales, int elements, size_t rows,
                       size_t columns, size_t group, size_t groups, float factor, uint8_t *tile) {
  static const int8_t values[2][16] = {
      {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12},
      {-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7},
  };
  code_pair pairs[256];
  for (size_t b = 0; b < 256; b++) {
    int32_t low = values[elements][b & 15], high = values[elements][b >> 4];
    pairs[b] = (low + high) * 65536 | (high & 255) << 8 | (low & 255);
  }
  const size_t stored = (columns + group - 1) / group;
  for (size_t g = 0; g < groups; g++) {
    int32_t *header = (int32_t *)(tile + g * rows * (group + 8));
    const size_t first = g * group, end = columns < first + group ? columns : first + group;
    for (size_t t = 0; t < rows; t++) {
      uint32_t any;
      int32_t sum =
          expand_group(codes + t * stride, first, end, group, pairs, rows, (uint32_t *)header + 2 * rows + t, &any);
      float scale = g < stored ? scales[t * stored + g] * factor : 0;
      if (any == 0 && scale == scale) scale = 0;
      header[t] = -12 * sum;
      __builtin_memcpy(header + rows + t, &scale, 4);
    }
  }
}
