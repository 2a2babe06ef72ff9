// Floating-point elements of at most eight bits under one scale, for every rounding: see MiniFloat in WalshFormats.

// Whether a magnitude `fraction` of a step above a grid point moves up; -1 for yes. A constant `rounding` leaves one line.
INLINE FN(i) FN(moves_up)(FN(f) fraction, FN(i) below, const uint32_t *words, int rounding) {
  switch (rounding) {
    case WALSH_TOWARD_ZERO: return fraction > 0.5f;
    case WALSH_AWAY_FROM_ZERO: return fraction >= 0.5f;
    case WALSH_STOCHASTIC: return FN(uniform)(words) < fraction;
    default: return (fraction > 0.5f) | ((fraction == 0.5f) & ((below & 1) != 0));
  }
}

// Encodes n values to `codes` or, if that is NULL, rounds them to `y`.
INLINE void FN(floats)(const float *x, size_t n, const walsh_minifloat *format, float operand, int divides, float scale,
                       const uint32_t *words, uint8_t *codes, float *y, int rounding) {
  const uint32_t mantissa = format->mantissa_bits, least = 128 - format->bias;
  for (size_t i = 0; i < n; i += W) {
    size_t count = n - i < W ? n - i : W;
    float values[W], rounded[W];
    uint32_t random[W];
    uint8_t bytes[W];
    const float *p = FN(whole)(x + i, count, values);
    const uint32_t *w = FN(whole_words)(words ? words + i : NULL, count, random);
    FN(f) v = divides ? FN(load)(p) / operand : FN(load)(p) * operand;
    FN(i) number = v == v;
    FN(f) magnitude = (FN(f))((FN(u))v & 0x7FFFFFFF);
    magnitude = magnitude < format->largest ? magnitude : format->largest;
    // The binade, those below the least sharing its steps; steps = magnitude * 2^(mantissa bits - exponent), exact.
    FN(u) biased = __builtin_elementwise_max((FN(u))magnitude >> 23, (FN(u))least);
    FN(f) steps = magnitude * (FN(f))((254 + mantissa - biased) << 23);
    FN(i) below = __builtin_convertvector(steps, FN(i));
    // A true comparison is -1.
    below -= FN(moves_up)(steps - __builtin_convertvector(below, FN(f)), below, w, rounding);
    if (codes) {
      FN(u) code = ((biased - least) << mantissa) + (FN(u))below;
      code |= (FN(u))v >> 31 << (format->bits - 1);
      code = number ? code : (FN(u))format->nan_code;
      *(FN(cu) *)bytes = __builtin_convertvector(code, FN(c));
      memcpy(codes + i, bytes, count);
    } else {
      FN(f) value = __builtin_convertvector(below, FN(f)) * (FN(f))((biased - mantissa) << 23);
      value = (FN(f))((FN(u))value | ((FN(u))v & 0x80000000));
      value = (number ? value : (FN(f))(FN(u))FN(bits_of)(format->nan_value)) * scale;
      FN(store)(rounded, value);
      memcpy(y + i, rounded, count * sizeof(float));
    }
  }
}

#define ROUNDINGS(codes, y)                                                                                          \
  switch (rounding) {                                                                                                \
    case WALSH_NEAREST_EVEN:                                                                                         \
      FN(floats)(x, n, format, operand, divides, scale, NULL, codes, y, WALSH_NEAREST_EVEN);                         \
      break;                                                                                                         \
    case WALSH_TOWARD_ZERO:                                                                                          \
      FN(floats)(x, n, format, operand, divides, scale, NULL, codes, y, WALSH_TOWARD_ZERO);                          \
      break;                                                                                                         \
    case WALSH_AWAY_FROM_ZERO:                                                                                       \
      FN(floats)(x, n, format, operand, divides, scale, NULL, codes, y, WALSH_AWAY_FROM_ZERO);                       \
      break;                                                                                                         \
    default: FN(floats)(x, n, format, operand, divides, scale, words, codes, y, WALSH_STOCHASTIC);                   \
  }

void FN(walsh_encode_floats)(const float *x, size_t n, const walsh_minifloat *format, float operand, int divides,
                             int rounding, const uint32_t *words, uint8_t *codes) {
  const float scale = 1;
  if (operand != operand) {
    memset(codes, 0, n);
    return;
  }
  ROUNDINGS(codes, NULL)
}

void FN(walsh_round_floats)(const float *x, size_t n, const walsh_minifloat *format, float operand, int divides,
                            float scale, int rounding, const uint32_t *words, float *y) {
  if (operand != operand) {
    for (size_t i = 0; i < n; i++) y[i] = 0 * scale;
    return;
  }
  ROUNDINGS(NULL, y)
}
#undef ROUNDINGS
