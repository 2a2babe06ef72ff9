// Chooses the instruction set of the kernels of activations.h.
#include "dispatch.h"
#include "include/activations.h"

#define DECLARE(suffix)                                                                                              \
  void walsh_exp_##suffix(const float *, float *, size_t);                                                           \
  void walsh_sigmoid_##suffix(const float *, float *, size_t);                                                       \
  void walsh_silu_##suffix(const float *, float *, size_t);                                                          \
  void walsh_silu_gradient_##suffix(const float *, const float *, float *, size_t);                                  \
  void walsh_silu_gated_##suffix(const float *, const float *, float *, size_t);                                     \
  void walsh_silu_gated_gradients_##suffix(const float *, const float *, const float *, float *, float *, size_t);   \
  double walsh_exp_shifted_##suffix(float *, float, size_t);

DECLARE(base)
#if defined(__x86_64__)
DECLARE(avx2)
DECLARE(avx512)
#endif

void walsh_exp(int isa, const float *x, float *y, size_t count) { CALL(walsh_exp, x, y, count); }

void walsh_sigmoid(int isa, const float *x, float *y, size_t count) { CALL(walsh_sigmoid, x, y, count); }

void walsh_silu(int isa, const float *x, float *y, size_t count) { CALL(walsh_silu, x, y, count); }

void walsh_silu_gradient(int isa, const float *x, const float *g, float *y, size_t count) {
  CALL(walsh_silu_gradient, x, g, y, count);
}

void walsh_silu_gated(int isa, const float *x, const float *u, float *y, size_t count) {
  CALL(walsh_silu_gated, x, u, y, count);
}

void walsh_silu_gated_gradients(int isa, const float *x, const float *u, const float *g, float *dx, float *du,
                                size_t count) {
  CALL(walsh_silu_gated_gradients, x, u, g, dx, du, count);
}

double walsh_exp_shifted(int isa, float *x, float top, size_t count) {
  return CALL(walsh_exp_shifted, x, top, count);
}
