// The causal depthwise convolution in front of Mamba's scan. Rows are channels, each of which is convolved with taps of its
// own; the bits of a result do not depend on the instruction set.
#pragma once
#include <stddef.h>

/// y[t,e] = bias[e] + sum over k of weight[k,e] x[t - taps + 1 + k, e] for the tokens first ..< first + count: the last tap
/// meets the token itself. Rows before the first token are those of `past`, [taps - 1, channels], or zeros where that is
/// null; so is a null bias.
void walsh_causal_convolution(int isa, const float *x, const float *past, const float *weight, const float *bias,
                              float *y, size_t channels, size_t taps, size_t first, size_t count);

/// dx[t,e] = sum over k of weight[taps - 1 - k, e] g[t + k, e] for the tokens first ..< first + count of `tokens`.
void walsh_causal_convolution_input_gradient(int isa, const float *g, const float *weight, float *dx, size_t tokens,
                                             size_t channels, size_t taps, size_t first, size_t count);

/// weight[k,e] += sum over t of g[t,e] x[t - taps + 1 + k, e] and bias[e] += sum over t of g[t,e] for the tokens
/// first ..< first + count, with zeros before the first token.
void walsh_causal_convolution_weight_gradient(int isa, const float *x, const float *g, float *weight, float *bias,
                                              size_t channels, size_t taps, size_t first, size_t count);
