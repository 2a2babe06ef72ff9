// Chooses the instruction set of the kernels of dot_rows.h.
#include "dispatch.h"
#include "include/dot_rows.h"

#define DECLARE(suffix)                                                                                              \
  void walsh_dot_rows_##suffix(const float *, size_t, const float *, size_t, size_t, float *, size_t);

DECLARE(base)
#if defined(__x86_64__)
DECLARE(avx2)
DECLARE(avx512)
#endif

void walsh_dot_rows(int isa, const float *w, size_t rows, const float *x, size_t tokens, size_t k, float *y,
                    size_t stride) {
  CALL(walsh_dot_rows, w, rows, x, tokens, k, y, stride);
}
