// Attention to a tile of keys. Define W (lanes) and FN before including this file.
//
// Four query rows at a time: with the scores of KEYS keys, or with the mixture of one key's value in as many accumulators as
// the registers hold. Rows beyond the last repeat it and are not written.
#include <math.h>
#include <string.h>

typedef float FN(lanes) __attribute__((ext_vector_type(W)));
typedef float FN(lanes_at) __attribute__((ext_vector_type(W), aligned(4)));
typedef int32_t FN(ints) __attribute__((ext_vector_type(W)));
#define V FN(lanes)
#define I FN(ints)
#define INLINE static inline __attribute__((always_inline))
#define QUAD 4
#define UNROLL _Pragma("clang loop unroll(full)")
/// Vectors of a row's mixture that stay in registers: 4 rows of them.
#if W == 16
#define STRIP 4
/// The keys whose scores are computed together: 4 rows of them fill the registers.
#define KEYS 4
#else
#define STRIP 2
#define KEYS 2
#endif

INLINE V FN(load)(const float *p) { return *(const FN(lanes_at) *)p; }
INLINE void FN(store)(float *p, V x) { *(FN(lanes_at) *)p = x; }

/// The upper half is added to the lower one until a single lane is left.
INLINE float FN(sum)(V x) {
  typedef float four __attribute__((ext_vector_type(4)));
#if W == 16
  typedef float eight __attribute__((ext_vector_type(8)));
  eight half = x.lo + x.hi;
  four quarter = half.lo + half.hi;
#elif W == 8
  four quarter = x.lo + x.hi;
#else
  four quarter = x;
#endif
  return (quarter.x + quarter.z) + (quarter.y + quarter.w);
}

#define REAL V
#define INTEGER I
#define EXP FN(exp)
#include "exp_impl.h"

/// exp of one float, the same function as that of the weights.
INLINE float FN(factor)(float x) { return FN(exp)((V)x)[0]; }

/// The sums of `count` vectors, each added like FN(sum), in as many lanes: halves are added in pairs of vectors.
INLINE V FN(sums)(V *x) {
#if W == 16
  UNROLL for (int i = 0; i < 8; i++)
    x[i] = __builtin_shufflevector(x[2 * i], x[2 * i + 1], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
           __builtin_shufflevector(x[2 * i], x[2 * i + 1], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
  UNROLL for (int i = 0; i < 4; i++)
    x[i] = __builtin_shufflevector(x[2 * i], x[2 * i + 1], 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
           __builtin_shufflevector(x[2 * i], x[2 * i + 1], 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
  UNROLL for (int i = 0; i < 2; i++)
    x[i] = __builtin_shufflevector(x[2 * i], x[2 * i + 1], 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29) +
           __builtin_shufflevector(x[2 * i], x[2 * i + 1], 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31);
  return __builtin_shufflevector(x[0], x[1], 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) +
         __builtin_shufflevector(x[0], x[1], 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
#else
  V y;
  UNROLL for (int i = 0; i < W; i++) y[i] = FN(sum)(x[i]);
  return y;
#endif
}

/// scores[r][j] = q[r] . key j for low <= j < high, for KEYS keys at a time.
static __attribute__((noinline)) void FN(scores)(const float *const q[QUAD], size_t d, const float *keys, size_t stride,
                                                 size_t low, size_t high, float scores[QUAD][WALSH_ATTENTION_TILE]) {
  size_t whole = d / W * W;
  for (size_t j = low; j < high; j += KEYS) {
    size_t count = high - j < KEYS ? high - j : KEYS;
    const float *key[KEYS];
    V s[QUAD * KEYS] = {0};
    UNROLL for (size_t k = 0; k < KEYS; k++) key[k] = keys + (k < count ? j + k : j) * stride;
    for (size_t i = 0; i < whole; i += W) {
      V x[KEYS];
      UNROLL for (int k = 0; k < KEYS; k++) x[k] = FN(load)(key[k] + i);
      UNROLL for (int r = 0; r < QUAD; r++) {
        V v = FN(load)(q[r] + i);
        UNROLL for (int k = 0; k < KEYS; k++) s[r * KEYS + k] += v * x[k];
      }
    }
    float sums[QUAD * KEYS];
    UNROLL for (int i = 0; i < QUAD * KEYS; i += W) FN(store)(sums + i, FN(sums)(s + i));
    UNROLL for (int r = 0; r < QUAD; r++)
      for (size_t k = 0; k < count; k++) {
        float sum = sums[r * KEYS + k];
        for (size_t i = whole; i < d; i++) sum += q[r][i] * key[k][i];
        scores[r][j + k] = sum;
      }
  }
}

/// mixture[r] = mixture[r] * factors[r] + sum over j of weights[r][j] * value j, for the columns from `column` on.
INLINE void FN(strip)(float *const m[QUAD], const float factors[QUAD], size_t column, int vectors, const float *values,
                      size_t stride, size_t low, size_t high, float weights[QUAD][WALSH_ATTENTION_TILE]) {
  V acc[QUAD][STRIP];
  UNROLL for (int r = 0; r < QUAD; r++)
    UNROLL for (int v = 0; v < vectors; v++) acc[r][v] = FN(load)(m[r] + column + v * W) * factors[r];
  for (size_t j = low; j < high; j++) {
    const float *value = values + j * stride + column;
    UNROLL for (int v = 0; v < vectors; v++) {
      V x = FN(load)(value + v * W);
      UNROLL for (int r = 0; r < QUAD; r++) acc[r][v] += weights[r][j] * x;
    }
  }
  UNROLL for (int r = 0; r < QUAD; r++)
    UNROLL for (int v = 0; v < vectors; v++) FN(store)(m[r] + column + v * W, acc[r][v]);
}

static __attribute__((noinline)) void FN(mix)(float *const m[QUAD], const float factors[QUAD], size_t d,
                                              const float *values, size_t stride, size_t low, size_t high,
                                              float weights[QUAD][WALSH_ATTENTION_TILE]) {
  size_t i = 0;
  for (; i + STRIP * W <= d; i += STRIP * W) FN(strip)(m, factors, i, STRIP, values, stride, low, high, weights);
  for (; i + W <= d; i += W) FN(strip)(m, factors, i, 1, values, stride, low, high, weights);
  for (; i < d; i++) {
    float sums[QUAD];
    for (int r = 0; r < QUAD; r++) {
      sums[r] = m[r][i] * factors[r];
      for (size_t j = low; j < high; j++) sums[r] += weights[r][j] * values[j * stride + i];
    }
    for (int r = 0; r < QUAD; r++) m[r][i] = sums[r];
  }
}

/// The largest of the scores and `top`; NaN when one of them is.
INLINE float FN(largest)(const float *scores, size_t first, size_t end, float top) {
  V most = top;
  I isNumber = -1;
  size_t j = first;
  for (; j + W <= end; j += W) {
    V x = FN(load)(scores + j);
    most = x > most ? x : most;
    isNumber &= x == x;
  }
  float parts[W];
  int32_t numbers[W];
  memcpy(parts, &most, sizeof most);
  memcpy(numbers, &isNumber, sizeof isNumber);
  for (int i = 0; i < W; i++) {
    if (!numbers[i]) return NAN;
    top = parts[i] > top ? parts[i] : top;
  }
  for (; j < end; j++) top = scores[j] > top || isnan(scores[j]) ? scores[j] : top;
  return top;
}

/// Turns the scores of a row into weights, zero outside what it sees; returns the factor of what came before.
INLINE float FN(weigh)(float *scores, size_t low, size_t high, size_t first, size_t end, float *maximum, float *sum) {
  if (first >= end) {
    for (size_t j = low; j < high; j++) scores[j] = 0;
    return 1;
  }
  float top = FN(largest)(scores, first, end, *maximum);
  // With scores of -infinity alone there is nothing to divide by; the definition gives NaN as well.
  float factor = *maximum == -INFINITY ? 0 : FN(factor)(*maximum - top);
  for (size_t j = low; j < first; j++) scores[j] = 0;
  for (size_t j = end; j < high; j++) scores[j] = 0;
  V total = 0;
  size_t j = first;
  for (; j + W <= end; j += W) {
    V e = FN(exp)(FN(load)(scores + j) - top);
    FN(store)(scores + j, e);
    total += e;
  }
  float rest[W] = {0};
  for (size_t i = j; i < end; i++) rest[i - j] = scores[i] - top;
  V e = FN(exp)(FN(load)(rest));
  FN(store)(rest, e);
  float tail = 0;
  for (size_t i = j; i < end; i++) tail += scores[i] = rest[i - j];
  *sum = *sum * factor + (FN(sum)(total) + tail);
  *maximum = top;
  return factor;
}

void FN(walsh_attend)(const walsh_attention *state, const float *keys, size_t key_stride, const float *values,
                      size_t value_stride, const int32_t *lows, const int32_t *highs, size_t positions) {
  float scores[QUAD][WALSH_ATTENTION_TILE] __attribute__((aligned(64)));
  size_t d = state->d;
  for (size_t row = 0; row < state->rows; row += QUAD) {
    size_t rows = state->rows - row < QUAD ? state->rows - row : QUAD;
    size_t low = positions, high = 0;
    for (size_t r = row; r < row + rows; r++) {
      if (lows[r] >= highs[r]) continue;
      if ((size_t)lows[r] < low) low = (size_t)lows[r];
      if ((size_t)highs[r] > high) high = (size_t)highs[r];
    }
    if (low >= high) continue;
    const float *q[QUAD];
    float *m[QUAD], factors[QUAD];
    for (size_t r = 0; r < QUAD; r++) {
      size_t own = row + (r < rows ? r : rows - 1);
      q[r] = state->queries + own * d;
      m[r] = state->mixtures + own * d;
    }
    FN(scores)(q, d, keys, key_stride, low, high, scores);
    for (size_t r = 0; r < rows; r++) {
      size_t own = row + r, first = (size_t)lows[own], end = (size_t)highs[own];
      factors[r] = FN(weigh)(scores[r], low, high, first, end, state->maxima + own, state->sums + own);
    }
    // The rows that are missing do what the last one does: they write the same to the same place.
    for (size_t r = rows; r < QUAD; r++) {
      memcpy(scores[r], scores[rows - 1], sizeof scores[r]);
      factors[r] = factors[rows - 1];
    }
    FN(mix)(m, factors, d, values, value_stride, low, high, scores);
  }
}

void FN(walsh_combine_spans)(const float *states, size_t spans, size_t state_stride, size_t rows, size_t d, size_t group,
                             float *out, size_t stride) {
  for (size_t r = 0; r < rows; r++) {
    const float *maxima = states + rows * d + r, *sums = maxima + rows;
    float *y = out + r / group * stride + r % group * d;
    float top = -INFINITY, total = 0;
    for (size_t s = 0; s < spans; s++) top = maxima[s * state_stride] <= top ? top : maxima[s * state_stride];
    for (size_t s = 0; s < spans; s++) {
      const float *mixture = states + s * state_stride + r * d;
      float own = maxima[s * state_stride];
      // A span of which the row sees nothing has a maximum of -infinity and adds zeros.
      float weight = own == -INFINITY && top != -INFINITY ? 0 : FN(factor)(own - top);
      total += weight * sums[s * state_stride];
      for (size_t i = 0; i < d; i++) y[i] = (s == 0 ? 0 : y[i]) + weight * mixture[i];
    }
    float factor = 1 / total;
    for (size_t i = 0; i < d; i++) y[i] *= factor;
  }
}
