// Chooses the instruction set of the kernels of straight_through.h.
#include "include/straight_through.h"

#include "dispatch.h"

#define DECLARE(suffix)                                                                                              \
  double walsh_straight_through_##suffix(const float *, const float *, size_t, float, float, float, float *);        \
  void walsh_clip_##suffix(const float *, size_t, float, float, float *);                                            \
  void walsh_clip_gradient_##suffix(const float *, const float *, size_t, float, float, float *, double[2]);         \
  size_t walsh_first_index_##suffix(const float *, size_t, float);

DECLARE(base)
#if defined(__x86_64__)
DECLARE(avx2)
DECLARE(avx512)
#endif

double walsh_straight_through(int isa, const float *x, const float *g, size_t n, float scale, float low, float high,
                              float *dx) {
  return CALL(walsh_straight_through, x, g, n, scale, low, high, dx);
}

void walsh_clip(int isa, const float *x, size_t n, float low, float high, float *y) {
  CALL(walsh_clip, x, n, low, high, y);
}

void walsh_clip_gradient(int isa, const float *x, const float *g, size_t n, float low, float high, float *dx,
                         double sums[2]) {
  CALL(walsh_clip_gradient, x, g, n, low, high, dx, sums);
}

size_t walsh_first_index(int isa, const float *x, size_t n, float value) {
  return CALL(walsh_first_index, x, n, value);
}
