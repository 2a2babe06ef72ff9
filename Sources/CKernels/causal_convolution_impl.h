// One instruction set's causal convolution, a row of channels at a time. FN adds its suffix.
#include <stddef.h>

// Fused multiply-adds would make the bits depend on the processor.
#pragma clang fp contract(off)

/// y += w x, channel by channel.
static inline __attribute__((always_inline)) void FN(add_product)(float *restrict y, const float *restrict w,
                                                                  const float *restrict x, size_t channels) {
  for (size_t e = 0; e < channels; e++) y[e] += w[e] * x[e];
}

void FN(walsh_causal_convolution)(const float *x, const float *past, const float *weight, const float *bias, float *y,
                                  size_t channels, size_t taps, size_t first, size_t count) {
  for (size_t t = first; t < first + count; t++) {
    float *row = y + t * channels;
    for (size_t e = 0; e < channels; e++) row[e] = bias ? bias[e] : 0;
    for (size_t k = 0; k < taps; k++) {
      // The row taps - 1 - k tokens back, counted from the first row of the past.
      size_t source = t + k;
      if (source >= taps - 1)
        FN(add_product)(row, weight + k * channels, x + (source - (taps - 1)) * channels, channels);
      else if (past)
        FN(add_product)(row, weight + k * channels, past + source * channels, channels);
    }
  }
}

void FN(walsh_causal_convolution_input_gradient)(const float *g, const float *weight, float *dx, size_t tokens,
                                                 size_t channels, size_t taps, size_t first, size_t count) {
  for (size_t t = first; t < first + count; t++) {
    float *row = dx + t * channels;
    for (size_t e = 0; e < channels; e++) row[e] = 0;
    for (size_t k = 0; k < taps && t + k < tokens; k++)
      FN(add_product)(row, weight + (taps - 1 - k) * channels, g + (t + k) * channels, channels);
  }
}

void FN(walsh_causal_convolution_weight_gradient)(const float *x, const float *g, float *weight, float *bias,
                                                  size_t channels, size_t taps, size_t first, size_t count) {
  for (size_t t = first; t < first + count; t++) {
    const float *gradient = g + t * channels;
    for (size_t e = 0; e < channels; e++) bias[e] += gradient[e];
    for (size_t k = 0; k < taps; k++)
      if (t + k >= taps - 1)
        FN(add_product)(weight + k * channels, gradient, x + (t + k - (taps - 1)) * channels, channels);
  }
}
