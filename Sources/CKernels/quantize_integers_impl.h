// Integers under a Float32 scale: rounding, encoding, and the search for the best of many scales.

// v rounded within [low, high], NaN as 0. Adding 1.5 * 2^23 rounds to an integer (and -0 to +0); clamping to integers
// first does not change the result.
INLINE FN(f) FN(integer)(FN(f) v, float low, float high) {
  const float magic = 12582912.0f;
  v = v == v ? v : 0;
  v = v > low ? v : low;
  v = v < high ? v : high;
  return (v + magic) - magic;
}

// The same with random numbers u in [0, 1).
INLINE FN(f) FN(integer_random)(FN(f) v, FN(f) u, float low, float high) {
  v = v == v ? v : 0;
  FN(f) magnitude = (FN(f))((FN(u))v & 0x7FFFFFFF);
  // Beyond 512 every width saturates; the clamp keeps the conversion defined.
  magnitude = magnitude < 512 ? magnitude : 512;
  FN(i) below = __builtin_convertvector(magnitude, FN(i));
  // A true comparison is -1.
  below -= u < magnitude - __builtin_convertvector(below, FN(f));
  FN(f) q = __builtin_convertvector(v < 0 ? -below : below, FN(f));
  q = q > low ? q : low;
  return q < high ? q : high;
}

// Encodes n values to `codes` or, if that is NULL, rounds them to `y`.
INLINE void FN(integers)(const float *x, size_t n, float scale, float zero, float top, const uint32_t *words,
                         uint8_t *codes, float *y) {
  // Not -zero, which may be a negative zero.
  float low = 0 - zero;
  for (size_t i = 0; i < n; i += W) {
    size_t count = n - i < W ? n - i : W;
    float padded[W] = {0}, rounded[W];
    uint32_t padded_words[W] = {0};
    uint8_t bytes[W];
    const float *p = x + i;
    const uint32_t *w = words ? words + i : NULL;
    if (count < W) {
      p = memcpy(padded, p, count * sizeof(float));
      if (words) w = memcpy(padded_words, w, count * sizeof(uint32_t));
    }
    FN(f) v = FN(load)(p) / scale;
    v = words ? FN(integer_random)(v, FN(uniform)(w), low, top - zero) : FN(integer)(v, low, top - zero);
    if (codes) {
      *(FN(cu) *)bytes = __builtin_convertvector(__builtin_convertvector(v + zero, FN(i)), FN(c));
      memcpy(codes + i, bytes, count);
    } else if (count == W) {
      FN(store)(y + i, v * scale);
    } else {
      FN(store)(rounded, v * scale);
      memcpy(y + i, rounded, count * sizeof(float));
    }
  }
}

void FN(walsh_round_integers)(const float *x, size_t n, float scale, float zero, float top, const uint32_t *words,
                              float *y) {
  words ? FN(integers)(x, n, scale, zero, top, words, NULL, y) : FN(integers)(x, n, scale, zero, top, NULL, NULL, y);
}

void FN(walsh_encode_integers)(const float *x, size_t n, float scale, float zero, float top, const uint32_t *words,
                               uint8_t *codes) {
  // Never NULL, which would choose the other output.
  if (!codes) return;
  words ? FN(integers)(x, n, scale, zero, top, words, codes, NULL)
        : FN(integers)(x, n, scale, zero, top, NULL, codes, NULL);
}

// Sixteen lanes for every instruction set: the sums must not depend on it.
typedef struct {
  FN(f) v[16 / W];
} FN(lanes);

// Adds the squared errors of up to 64 values to the lanes. With `divides` the operand is the scale, else its
// reciprocal: then the result is the largest distance of a quotient from its integer, at most a half.
INLINE float FN(add_errors)(const float *x, size_t n, float operand, int divides, float scale, float low, float high,
                            FN(lanes) * lanes) {
  FN(f) farthest = 0;
  for (size_t i = 0; i < n; i += 16) {
    float padded[16] = {0};
    const float *p = x + i;
    // Zeros have no error.
    if (n - i < 16) p = memcpy(padded, p, (n - i) * sizeof(float));
#pragma clang loop unroll(full)
    for (size_t k = 0; k < 16; k += W) {
      const float magic = 12582912.0f;
      FN(f) value = FN(load)(p + k);
      FN(f) v = divides ? value / operand : value * operand;
      v = v > low ? v : low;
      v = v < high ? v : high;
      FN(f) q = (v + magic) - magic;
      if (!divides) {
        FN(f) distance = (FN(f))((FN(u))(v - q) & 0x7FFFFFFF);
        farthest = farthest > distance ? farthest : distance;
      }
      FN(f) d = q * scale - value;
      lanes->v[k / W] += d * d;
    }
  }
  return divides ? 0 : FN(float_of)(__builtin_reduce_max((FN(u))farthest));
}

// Whether the sum of the lanes is surely above `least`.
INLINE int FN(exceeds)(const FN(lanes) * lanes, double least) {
  FN(f) part = lanes->v[0];
#pragma clang loop unroll(full)
  for (int j = 1; j < 16 / W; j++) part += lanes->v[j];
  float rough = 0;
#pragma clang loop unroll(full)
  for (int k = 0; k < W; k++) rough += part[k];
  return rough <= FLT_MAX && rough * (1 - 1e-5) > least;
}

// The squared error of a block with one scale, or infinity where it is surely above `least`.
INLINE double FN(integer_error)(const float *x, size_t rows, size_t columns, size_t stride, float scale, float low,
                                float high, double least) {
  int invertible = scale >= 0x1p-100f && scale <= 0x1p100f;
  float inverse = 1.0f / scale;
  FN(lanes) lanes = {0};
  for (size_t r = 0; r < rows; r++)
    for (size_t i = 0; i < columns; i += 64) {
      const float *p = x + r * stride + i;
      size_t n = columns - i < 64 ? columns - i : 64;
      FN(lanes) sums = lanes;
      // A product with the reciprocal is within 5e-5 of the quotient and rounds alike unless it is close to a tie.
      if (!invertible || FN(add_errors)(p, n, inverse, 0, scale, low, high, &sums) > 0.4999f) {
        sums = lanes;
        FN(add_errors)(p, n, scale, 1, scale, low, high, &sums);
      }
      lanes = sums;
      // Sums only grow: a candidate is left when it has lost.
      if (FN(exceeds)(&lanes, least)) return INFINITY;
    }
  double sum = 0;
#pragma clang loop unroll(full)
  for (int k = 0; k < 16; k++) sum += lanes.v[k / W][k % W];
  return sum;
}

size_t FN(walsh_search_integers)(const float *x, size_t rows, size_t columns, size_t stride, const float *scales,
                                 const float *zeros, size_t count, float top) {
  size_t best = count;
  double least = INFINITY;
  for (size_t s = 0; s < count; s++) {
    double error = FN(integer_error)(x, rows, columns, stride, scales[s], -zeros[s], top - zeros[s], least);
    if (error < least) least = error, best = s;
  }
  return best;
}
