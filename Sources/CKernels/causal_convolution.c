// Chooses the instruction set of the kernels of causal_convolution.h.
#include "include/causal_convolution.h"

#include "dispatch.h"

#define DECLARE(suffix)                                                                                              \
  void walsh_causal_convolution_##suffix(const float *, const float *, const float *, const float *, float *, size_t, \
                                         size_t, size_t, size_t);                                                    \
  void walsh_causal_convolution_input_gradient_##suffix(const float *, const float *, float *, size_t, size_t, size_t, \
                                                        size_t, size_t);                                             \
  void walsh_causal_convolution_weight_gradient_##suffix(const float *, const float *, float *, float *, size_t,     \
                                                         size_t, size_t, size_t);

DECLARE(base)
#if defined(__x86_64__)
DECLARE(avx2)
DECLARE(avx512)
#endif

void walsh_causal_convolution(int isa, const float *x, const float *past, const float *weight, const float *bias,
                              float *y, size_t channels, size_t taps, size_t first, size_t count) {
  CALL(walsh_causal_convolution, x, past, weight, bias, y, channels, taps, first, count);
}

void walsh_causal_convolution_input_gradient(int isa, const float *g, const float *weight, float *dx, size_t tokens,
                                             size_t channels, size_t taps, size_t first, size_t count) {
  CALL(walsh_causal_convolution_input_gradient, g, weight, dx, tokens, channels, taps, first, count);
}

void walsh_causal_convolution_weight_gradient(int isa, const float *x, const float *g, float *weight, float *bias,
                                              size_t channels, size_t taps, size_t first, size_t count) {
  CALL(walsh_causal_convolution_weight_gradient, x, g, weight, bias, channels, taps, first, count);
}
