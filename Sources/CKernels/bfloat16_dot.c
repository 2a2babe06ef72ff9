// The scalar reference of the bfloat16 products, and the choice of instruction set.
#include "include/bfloat16_dot.h"

#include <string.h>

#include "dispatch.h"

void walsh_bfloat16_dot_rows_scalar(const uint16_t *w, size_t rows, const float *x, size_t tokens, size_t columns,
                                    float *y, size_t stride) {
  for (size_t t = 0; t < tokens; t++)
    for (size_t r = 0; r < rows; r++) {
      double sum = 0;
      for (size_t c = 0; c < columns; c++) {
        const uint32_t bits = (uint32_t)w[r * columns + c] << 16;
        float value;
        memcpy(&value, &bits, 4);
        sum += (double)value * (double)x[t * columns + c];
      }
      y[t * stride + r] = (float)sum;
    }
}

void walsh_bfloat16_dot_rows_base(const uint16_t *, size_t, const float *, size_t, size_t, float *, size_t);
void walsh_bfloat16_dot_rows_avx2(const uint16_t *, size_t, const float *, size_t, size_t, float *, size_t);
void walsh_bfloat16_dot_rows_avx512(const uint16_t *, size_t, const float *, size_t, size_t, float *, size_t);

void walsh_bfloat16_dot_rows(int isa, const uint16_t *w, size_t rows, const float *x, size_t tokens, size_t columns,
                             float *y, size_t stride) {
  CALL(walsh_bfloat16_dot_rows, w, rows, x, tokens, columns, y, stride);
}
