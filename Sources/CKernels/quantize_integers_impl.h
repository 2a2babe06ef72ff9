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
    float values[W], rounded[W];
    uint32_t random[W];
    uint8_t bytes[W];
    const float *p = FN(whole)(x + i, count, values);
    const uint32_t *w = FN(whole_words)(words ? words + i : NULL, count, random);
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

// Four scales are tried at once, so that the sums of one need not wait for each other. Sixteen lanes for every
// instruction set: the sums must not depend on it.
typedef struct {
  FN(f) v[4][16 / W];
} FN(lanes);

typedef struct {
  float scale[4], inverse[4], low[4], high[4];
  // Whether products with the reciprocals are close to the quotients.
  int invertible;
} FN(candidates);

// Adds the squared errors of up to 64 values to the lanes, by quotients or by products with the reciprocals; then the
// result says whether a product is close to a tie.
INLINE int FN(add_errors)(const float *x, size_t n, const FN(candidates) * c, int divides, FN(lanes) * lanes) {
  const float magic = 12582912.0f;
  FN(f) farthest = 0;
  for (size_t i = 0; i < n; i += 16) {
    float padded[16] = {0};
    const float *p = x + i;
    // Zeros have no error.
    if (n - i < 16) {
      for (size_t k = 0; k < n - i; k++) padded[k] = p[k];
      p = padded;
    }
#pragma clang loop unroll(full)
    for (size_t k = 0; k < 16; k += W) {
      FN(f) value = FN(load)(p + k);
#pragma clang loop unroll(full)
      for (int j = 0; j < 4; j++) {
        FN(f) v = divides ? value / c->scale[j] : value * c->inverse[j];
        v = v > c->low[j] ? v : c->low[j];
        v = v < c->high[j] ? v : c->high[j];
        FN(f) q = (v + magic) - magic;
        if (!divides) {
          FN(f) distance = (FN(f))((FN(u))(v - q) & 0x7FFFFFFF);
          farthest = farthest > distance ? farthest : distance;
        }
        FN(f) d = q * c->scale[j] - value;
        lanes->v[j][k / W] += d * d;
      }
    }
  }
  return __builtin_reduce_or((FN(i))(farthest > 0.4999f)) != 0;
}

// Whether the sums of the lanes are surely above `least`, all four.
INLINE int FN(exceed)(const FN(lanes) * lanes, double least) {
  int all = 1;
#pragma clang loop unroll(full)
  for (int j = 0; j < 4; j++) {
    float sums[16];
    memcpy(sums, lanes->v[j], sizeof sums);
    // A tree: in sequence the additions would wait for each other.
#pragma clang loop unroll(full)
    for (int half = 8; half > 0; half /= 2)
#pragma clang loop unroll(full)
      for (int k = 0; k < half; k++) sums[k] += sums[k + half];
    all &= sums[0] <= FLT_MAX && sums[0] * (1 - 1e-5) > least;
  }
  return all;
}

// The squared errors of a block with four scales; infinity when all are surely above `least`.
INLINE void FN(block_errors)(const float *x, size_t rows, size_t columns, size_t stride, const FN(candidates) * c,
                             double least, double errors[4]) {
  FN(lanes) lanes = {0};
  for (int j = 0; j < 4; j++) errors[j] = INFINITY;
  for (size_t r = 0; r < rows; r++)
    for (size_t i = 0; i < columns; i += 64) {
      const float *p = x + r * stride + i;
      size_t n = columns - i < 64 ? columns - i : 64;
      FN(lanes) sums = lanes;
      // A product with the reciprocal is within 5e-5 of the quotient and rounds alike unless it is close to a tie.
      if (!c->invertible || FN(add_errors)(p, n, c, 0, &sums)) {
        sums = lanes;
        FN(add_errors)(p, n, c, 1, &sums);
      }
      lanes = sums;
      // Sums only grow: candidates are left when they have lost.
      if (FN(exceed)(&lanes, least)) return;
    }
  for (int j = 0; j < 4; j++) errors[j] = 0;
#pragma clang loop unroll(full)
  for (int k = 0; k < 16; k++)
#pragma clang loop unroll(full)
    for (int j = 0; j < 4; j++) errors[j] += lanes.v[j][k / W][k % W];
}

// A lower bound of the squared error of a block that holds the values a and b: what these two contribute.
INLINE double FN(least_error)(float a, float b, float scale, float low, float high) {
  const float magic = 12582912.0f;
  float ends[2] = {a, b};
  double sum = 0;
  for (int k = 0; k < 2; k++) {
    float v = ends[k] / scale;
    v = v > low ? v : low;
    v = v < high ? v : high;
    float d = ((v + magic) - magic) * scale - ends[k];
    sum += (double)(d * d);
  }
  return sum * (1 - 1e-5);
}

size_t FN(walsh_search_integers)(const float *x, size_t rows, size_t columns, size_t stride, const float *scales,
                                 const float *zeros, size_t count, float top) {
  size_t best = count;
  double least = INFINITY;
  // The extremes, which lose most by clipping; 0 where there is none on that side, which costs nothing.
  float lowest = 0, highest = 0;
  for (size_t r = 0; r < rows; r++) {
    float a, b;
    FN(walsh_range)(x + r * stride, columns, &a, &b);
    lowest = a < lowest ? a : lowest;
    highest = b > highest ? b : highest;
  }
  for (size_t s = 0; s < count; s += 4) {
    FN(candidates) c = {.invertible = 1};
    int hopeless = 1;
    for (size_t j = 0; j < 4; j++) {
      // The last one fills up the last four; an equal error does not win.
      size_t k = s + j < count ? s + j : count - 1;
      c.scale[j] = scales[k];
      c.inverse[j] = 1 / scales[k];
      c.low[j] = -zeros[k];
      c.high[j] = top - zeros[k];
      c.invertible &= scales[k] >= 0x1p-100f && scales[k] <= 0x1p100f;
      hopeless &= FN(least_error)(lowest, highest, c.scale[j], c.low[j], c.high[j]) > least;
    }
    if (hopeless) continue;
    double errors[4];
    FN(block_errors)(x, rows, columns, stride, &c, least, errors);
    for (size_t j = 0; j < 4; j++)
      if (errors[j] < least) least = errors[j], best = s + j;
  }
  return best;
}
