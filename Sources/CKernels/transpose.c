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
