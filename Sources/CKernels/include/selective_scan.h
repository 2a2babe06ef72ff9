// The selective scan of Mamba (Gu and Dao 2023), forwards and backwards. Every channel is computed alike and by itself, so the
// bits of a result do not depend on the instruction set.
#pragma once
#include <stddef.h>

/// The channels of one group of vectors; calls for a multiple of it waste none.
#define WALSH_SCAN_LANES 16

/// One text's scan, for every channel e and state n:
///
///     s[t] = exp(steps[t,e] decay[n,e]) s[t-1] + steps[t,e] x[t,e] b[t,n]
///     y[t,e] = sum over n of s[t] c[t,n] + skip[e] x[t,e]
///
/// Rows of x, steps and y are channels, and so are rows of decay and of states: channels are what vectors hold.
typedef struct {
  const float *x, *steps;  // [tokens, channels]
  const float *decay;      // [states, channels]
  const float *b, *c;      // [tokens, states]
  const float *skip;       // [channels]
  size_t tokens, channels, states;
} walsh_scan;

/// Gradients of the tensors of a walsh_scan, of their shapes.
typedef struct {
  float *x, *steps, *decay, *b, *c, *skip;
} walsh_scan_gradients;

/// Scans the channels first ..< first + count. `state`, [states, channels], is the one before the first token and then the
/// one behind the last. `y`, [tokens, channels], may be null where only the state is wanted. Unless it is null,
/// `boundaries`, [tokens / interval rounded up, states, channels], receives the state before each `interval` tokens.
void walsh_selective_scan(int isa, const walsh_scan *scan, size_t first, size_t count, float *state, float *y,
                          float *boundaries, size_t interval);

/// The same by its definition, a scalar at a time: what the kernels are compared with.
void walsh_selective_scan_reference(const walsh_scan *scan, size_t first, size_t count, float *state, float *y,
                                    float *boundaries, size_t interval);

/// Writes the gradients of the channels first ..< first + count of a scan whose output has the gradient `g`, [tokens,
/// channels]; those of b and c are sums over these channels alone. States are computed again from `boundaries`, an
/// interval at a time. The last state has no gradient.
void walsh_selective_scan_gradients(int isa, const walsh_scan *scan, size_t first, size_t count,
                                    const float *boundaries, size_t interval, const float *g,
                                    const walsh_scan_gradients *gradients);
