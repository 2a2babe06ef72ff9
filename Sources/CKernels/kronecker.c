// Chooses the instruction set of the kernels of kronecker.h.
#include "include/kronecker.h"

#include "dispatch.h"

#define DECLARE(suffix)                                                                                              \
  void walsh_kronecker_apply_##suffix(const walsh_kronecker *, const float *, size_t, float *, float *);             \
  void walsh_kronecker_gradients_##suffix(const walsh_kronecker *, const float *, const float *, size_t, float *,    \
                                          float *, const walsh_kronecker_sums *);

DECLARE(base)
#if defined(__x86_64__)
DECLARE(avx2)
DECLARE(avx512)
#endif

void walsh_kronecker_apply(int isa, const walsh_kronecker *p, const float *x, size_t rows, float *scratch, float *y) {
  CALL(walsh_kronecker_apply, p, x, rows, scratch, y);
}

void walsh_kronecker_gradients(int isa, const walsh_kronecker *p, const float *x, const float *g, size_t rows,
                               float *scratch, float *dx, const walsh_kronecker_sums *sums) {
  CALL(walsh_kronecker_gradients, p, x, g, rows, scratch, dx, sums);
}
