// The scalar references of the Hadamard transforms, and the choice of instruction set.
#include "dispatch.h"
#include "include/fwht.h"

void walsh_fwht_rows_scalar(float *x, size_t rows, size_t n, float scale) {
  for (size_t r = 0; r < rows; r++) {
    float *p = x + r * n;
    for (size_t h = 1; h < n; h *= 2)
      for (size_t i = 0; i < n; i += 2 * h)
        for (size_t j = i; j < i + h; j++) {
          float a = p[j], b = p[j + h];
          p[j] = a + b;
          p[j + h] = a - b;
        }
    for (size_t j = 0; j < n; j++) p[j] *= scale;
  }
}

void walsh_hadamard_codes(const int8_t *matrix, size_t k, uint8_t *codes) {
  for (size_t i = 0; i < k * k / 4; i++) {
    const int8_t *e = matrix + 4 * i;
    codes[i] = (uint8_t)((e[0] < 0) << 3 | (e[3] != e[2]) << 2 | (e[2] != e[0]) << 1 | (e[1] != e[0]));
  }
}

// Every version works on tiles of at most 64 columns: 6144 partial sums at a time, and k lines of results.
size_t walsh_hadamard_scratch(size_t k) { return 6144 + 64 * k; }

void walsh_hadamard_rows_scalar(float *x, size_t rows, size_t k, size_t m, const uint8_t *codes, float scale,
                                float *scratch) {
  walsh_fwht_rows_scalar(x, rows * k, m, 1);
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < m; c++) {
      float *p = x + r * k * m + c;
      for (size_t j = 0; j < k; j++) scratch[j] = p[j * m];
      for (size_t i = 0; i < k; i++) {
        float sum = 0;
        for (size_t g = 0; g < k / 4; g++) {
          const float *q = scratch + 4 * g;
          uint8_t code = codes[i * (k / 4) + g];
          float a = code & 1 ? q[0] - q[1] : q[0] + q[1];
          float b = code & 4 ? q[2] - q[3] : q[2] + q[3];
          float t = code & 2 ? a - b : a + b;
          t = code & 8 ? -t : t;
          sum = g == 0 ? t : sum + t;
        }
        p[i * m] = sum * scale;
      }
    }
}

void walsh_fwht_rows_base(float *, size_t, size_t, float);
void walsh_fwht_rows_avx2(float *, size_t, size_t, float);
void walsh_fwht_rows_avx512(float *, size_t, size_t, float);
void walsh_hadamard_rows_base(float *, size_t, size_t, size_t, const uint8_t *, float, float *);
void walsh_hadamard_rows_avx2(float *, size_t, size_t, size_t, const uint8_t *, float, float *);
void walsh_hadamard_rows_avx512(float *, size_t, size_t, size_t, const uint8_t *, float, float *);

void walsh_fwht_rows(int isa, float *x, size_t rows, size_t n, float scale) {
  CALL(walsh_fwht_rows, x, rows, n, scale);
}

void walsh_hadamard_rows(int isa, float *x, size_t rows, size_t k, size_t m, const uint8_t *codes, float scale,
                         float *scratch) {
  CALL(walsh_hadamard_rows, x, rows, k, m, codes, scale, scratch);
}
