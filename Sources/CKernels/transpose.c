#include "include/transpose.h"

#include <string.h>

typedef float vec4 __attribute__((vector_size(16)));

static inline vec4 load(const float *p) {
  vec4 v;
  memcpy(&v, p, 16);
  return v;
}

static inline void store(float *p, vec4 v) { memcpy(p, &v, 16); }

// A block of 4 x 4 values in registers.
static inline void transpose4(const float *x, size_t n, float *y, size_t m) {
  vec4 a = load(x), b = load(x + n), c = load(x + 2 * n), d = load(x + 3 * n);
  vec4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), AB = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  vec4 cd = __builtin_shufflevector(c, d, 0, 4, 1, 5), CD = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  store(y, __builtin_shufflevector(ab, cd, 0, 1, 4, 5));
  store(y + m, __builtin_shufflevector(ab, cd, 2, 3, 6, 7));
  store(y + 2 * m, __builtin_shufflevector(AB, CD, 0, 1, 4, 5));
  store(y + 3 * m, __builtin_shufflevector(AB, CD, 2, 3, 6, 7));
}

void walsh_transpose(const float *x, size_t m, size_t n, size_t first, size_t last, float *y) {
  // Bands of 16 rows: rows of a power of two share one cache set, and a band's columns fill whole lines of y.
  size_t rows = m / 4 * 4, columns = first + (last - first) / 4 * 4;
  for (size_t band = 0; band < rows; band += 16) {
    size_t end = band + 16 < rows ? band + 16 : rows;
    for (size_t j = first; j < columns; j += 4)
      for (size_t i = band; i < end; i += 4) transpose4(x + i * n + j, n, y + j * m + i, m);
  }
  for (size_t i = 0; i < m; i++)
    for (size_t j = i < rows ? columns : first; j < last; j++) y[j * m + i] = x[i * n + j];
}

void walsh_transpose_codes(const uint8_t *x, size_t m, size_t n, uint8_t *y) {
  size_t width = (n + 1) / 2, height = (m + 1) / 2;
  // Bands of 128 rows: their bytes in one column of x fill a line of y.
  for (size_t band = 0; band < m; band += 128) {
    size_t end = band + 128 < m ? band + 128 : m;
    for (size_t j = 0; j < n; j += 2)
      for (size_t i = band; i < end; i += 2) {
        uint8_t a = x[i * width + j / 2], b = i + 1 < m ? x[(i + 1) * width + j / 2] : 0;
        y[j * height + i / 2] = (uint8_t)((a & 15) | b << 4);
        if (j + 1 < n) y[(j + 1) * height + i / 2] = (uint8_t)(a >> 4 | (b & 0xF0));
      }
  }
}
