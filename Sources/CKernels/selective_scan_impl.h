// The selective scan of sixteen channels. FN adds the suffix of an instruction set.
//
// The lanes of a vector are channels, not states: a state is as good for any number of channels, nothing is summed across
// lanes, and rows of activations are read as they lie. A vector has sixteen lanes whatever the registers hold, so that the
// sums over channels of the backward pass are the same for every instruction set.
#include <stdint.h>
#include <string.h>

#include "include/selective_scan.h"

// Fused multiply-adds would make the bits depend on the processor.
#pragma clang fp contract(off)

// Functions of vectors wider than the registers are all inlined here, so no other file depends on how they are passed.
#pragma clang diagnostic ignored "-Wpsabi"

#define LANES WALSH_SCAN_LANES
typedef float FN(lanes) __attribute__((ext_vector_type(LANES)));
typedef float FN(lanes_at) __attribute__((ext_vector_type(LANES), aligned(4)));
typedef int32_t FN(ints) __attribute__((ext_vector_type(LANES)));
#define V FN(lanes)
#define INLINE static inline __attribute__((always_inline))

#define REAL V
#define INTEGER FN(ints)
#define EXP FN(exp)
#include "exp_impl.h"

/// The first `count` lanes of p; the others are 0.
INLINE V FN(load)(const float *p, size_t count) {
  if (count == LANES) return *(const FN(lanes_at) *)p;
  V x = 0;
  memcpy(&x, p, count * sizeof(float));
  return x;
}

INLINE void FN(store)(float *p, V x, size_t count) {
  if (count == LANES)
    *(FN(lanes_at) *)p = x;
  else
    memcpy(p, &x, count * sizeof(float));
}

/// The upper half is added to the lower one until a single lane is left.
INLINE float FN(sum)(V x) {
  typedef float eight __attribute__((ext_vector_type(8)));
  typedef float four __attribute__((ext_vector_type(4)));
  eight half = x.lo + x.hi;
  four quarter = half.lo + half.hi;
  return (quarter.x + quarter.z) + (quarter.y + quarter.w);
}

INLINE void FN(scan)(const walsh_scan *scan, size_t first, size_t count, float *state, float *y, float *boundaries,
                     size_t interval) {
  size_t states = scan->states, channels = scan->channels;
  V decay[states], s[states];
  for (size_t n = 0; n < states; n++) {
    decay[n] = FN(load)(scan->decay + n * channels + first, count);
    s[n] = FN(load)(state + n * channels + first, count);
  }
  V skip = FN(load)(scan->skip + first, count);
  for (size_t t = 0; t < scan->tokens; t++) {
    if (boundaries && t % interval == 0) {
      float *boundary = boundaries + t / interval * states * channels + first;
      for (size_t n = 0; n < states; n++) FN(store)(boundary + n * channels, s[n], count);
    }
    V step = FN(load)(scan->steps + t * channels + first, count);
    V x = FN(load)(scan->x + t * channels + first, count);
    V input = step * x, sum = 0;
    const float *b = scan->b + t * states, *c = scan->c + t * states;
    for (size_t n = 0; n < states; n++) {
      s[n] = FN(exp)(step * decay[n]) * s[n] + input * b[n];
      sum += s[n] * c[n];
    }
    if (y) FN(store)(y + t * channels + first, sum + skip * x, count);
  }
  for (size_t n = 0; n < states; n++) FN(store)(state + n * channels + first, s[n], count);
}

void FN(walsh_selective_scan)(const walsh_scan *scan, size_t first, size_t count, float *state, float *y,
                              float *boundaries, size_t interval) {
  size_t end = first + count;
  for (; first + LANES <= end; first += LANES) FN(scan)(scan, first, LANES, state, y, boundaries, interval);
  if (first < end) FN(scan)(scan, first, end - first, state, y, boundaries, interval);
}

/// What the backward pass of a group of channels carries from an interval to the one before it, and its sums over tokens.
typedef struct {
  V *carry;        // [states]: exp(steps decay) times the gradient of the state, of the token behind
  V *decay, *skip;  // [states], [1]
} FN(sums);

/// The gradients of one group of channels in the tokens start ..< end. `factors`, [tokens, states], and `before`, [tokens + 1,
/// states], are scratch; `b` and `c`, [tokens, states], are added to, lane by lane.
INLINE void FN(interval)(const walsh_scan *scan, size_t first, size_t count, size_t start, size_t end,
                         const float *boundary, const float *g, const walsh_scan_gradients *gradients, FN(sums) sums,
                         V *factors, V *before, V *b_sums, V *c_sums) {
  size_t states = scan->states, channels = scan->channels;
  V decay[states];
  for (size_t n = 0; n < states; n++) {
    decay[n] = FN(load)(scan->decay + n * channels + first, count);
    before[n] = FN(load)(boundary + n * channels + first, count);
  }
  for (size_t t = start; t < end; t++) {
    V step = FN(load)(scan->steps + t * channels + first, count);
    V input = step * FN(load)(scan->x + t * channels + first, count);
    V *factor = factors + (t - start) * states, *s = before + (t - start) * states;
    const float *b = scan->b + t * states;
    for (size_t n = 0; n < states; n++) {
      factor[n] = FN(exp)(step * decay[n]);
      s[states + n] = factor[n] * s[n] + input * b[n];
    }
  }
  V skip = FN(load)(scan->skip + first, count);
  for (size_t t = end; t-- > start;) {
    V step = FN(load)(scan->steps + t * channels + first, count);
    V x = FN(load)(scan->x + t * channels + first, count);
    V dy = FN(load)(g + t * channels + first, count);
    V input = step * x, of_input = 0, of_step = 0;
    size_t row = (t - start) * states;
    const float *b = scan->b + t * states, *c = scan->c + t * states;
    for (size_t n = 0; n < states; n++) {
      V of_state = dy * c[n] + sums.carry[n];
      c_sums[row + n] += dy * before[row + states + n];
      b_sums[row + n] += of_state * input;
      of_input += of_state * b[n];
      V back = of_state * factors[row + n];
      V of_exponent = back * before[row + n];
      of_step += of_exponent * decay[n];
      sums.decay[n] += of_exponent * step;
      sums.carry[n] = back;
    }
    *sums.skip += dy * x;
    FN(store)(gradients->x + t * channels + first, skip * dy + of_input * step, count);
    FN(store)(gradients->steps + t * channels + first, of_input * x + of_step, count);
  }
}

void FN(walsh_selective_scan_gradients)(const walsh_scan *scan, size_t first, size_t count, const float *boundaries,
                                        size_t interval, const float *g, const walsh_scan_gradients *gradients) {
  size_t states = scan->states, channels = scan->channels, groups = (count + LANES - 1) / LANES;
  V carry[groups * states], decay[groups * states], skip[groups];
  V factors[interval * states], before[(interval + 1) * states], b_sums[interval * states], c_sums[interval * states];
  for (size_t i = 0; i < groups * states; i++) carry[i] = decay[i] = 0;
  for (size_t i = 0; i < groups; i++) skip[i] = 0;
  for (size_t end = scan->tokens, start; end > 0; end = start) {
    start = (end - 1) / interval * interval;
    for (size_t i = 0; i < (end - start) * states; i++) b_sums[i] = c_sums[i] = 0;
    for (size_t i = 0; i < groups; i++) {
      size_t rest = count - i * LANES, channel = first + i * LANES;
      const float *boundary = boundaries + start / interval * states * channels;
      FN(sums) sums = {carry + i * states, decay + i * states, skip + i};
      if (rest >= LANES)
        FN(interval)(scan, channel, LANES, start, end, boundary, g, gradients, sums, factors, before, b_sums, c_sums);
      else
        FN(interval)(scan, channel, rest, start, end, boundary, g, gradients, sums, factors, before, b_sums, c_sums);
    }
    for (size_t i = 0; i < (end - start) * states; i++) {
      gradients->b[start * states + i] = FN(sum)(b_sums[i]);
      gradients->c[start * states + i] = FN(sum)(c_sums[i]);
    }
  }
  for (size_t i = 0; i < groups; i++) {
    size_t rest = count - i * LANES < LANES ? count - i * LANES : LANES, channel = first + i * LANES;
    FN(store)(gradients->skip + channel, skip[i], rest);
    for (size_t n = 0; n < states; n++)
      FN(store)(gradients->decay + n * channels + channel, decay[i * states + n], rest);
  }
}
