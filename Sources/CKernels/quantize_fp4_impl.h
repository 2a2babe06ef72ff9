// E2M1 elements under given scales: encoding, decoding, rounding, and the errors that searches compare.

// |y|, at most 6.
INLINE FN(u) FN(e2m1_magnitude)(FN(f) y) {
  // Positive floats are ordered like their bit patterns.
  return __builtin_elementwise_min((FN(u))y & 0x7FFFFFFF, (FN(u))0x40C00000);
}

// The code of each value of y, sign included, to nearest even; magnitudes above 6 saturate, NaN becomes 0.
INLINE FN(u) FN(e2m1)(FN(f) y) {
  FN(u) magnitude = FN(e2m1_magnitude)(y);
  // From 1 up: keep one mantissa bit. 254 is the pattern of 1.0 shifted down, and its code is 2.
  FN(u) large = ((magnitude + 0x1FFFFF + ((magnitude >> 22) & 1)) >> 22) - 252;
  // Below 1 the grid has steps of a half, the unit in the last place of 2^22.
  FN(u) small = (FN(u))((FN(f))magnitude + 4194304.0f) & 3;
  FN(u) code = (FN(i))magnitude < 0x3F800000 ? small : large;
  code |= ((FN(u))y >> 28) & 8;
  return y == y ? code : 0;
}

// The same with random numbers u in [0, 1) that decide between neighbours.
INLINE FN(u) FN(e2m1_random)(FN(f) y, FN(f) u) {
  FN(u) magnitude = FN(e2m1_magnitude)(y);
  // The binade, that below 1 sharing the steps of that from 1 up; steps = magnitude * 2^(1 - exponent), exact.
  FN(u) biased = __builtin_elementwise_max(magnitude >> 23, (FN(u))127);
  FN(f) steps = (FN(f))magnitude * (FN(f))((255 - biased) << 23);
  FN(i) below = __builtin_convertvector(steps, FN(i));
  FN(i) up = u < steps - __builtin_convertvector(below, FN(f));
  // A true comparison is -1.
  FN(u) code = 2 * (biased - 127) + (FN(u))(below - up);
  code |= ((FN(u))y >> 28) & 8;
  return y == y ? code : 0;
}

// The value of each code.
INLINE FN(f) FN(e2m1_value)(FN(u) code) {
  // From code 2 up the pattern is that of 1.0 plus one mantissa bit a step.
  FN(u) magnitude = code & 7;
  FN(u) pattern = magnitude < 2 ? magnitude * 0x3F000000u : (magnitude + 252) << 22;
  return (FN(f))(pattern | (code & 8) << 28);
}

// The value of the code to nearest even, without the code.
INLINE FN(f) FN(e2m1_rounded)(FN(f) y) {
  FN(u) magnitude = FN(e2m1_magnitude)(y);
  FN(u) large = (magnitude + 0x1FFFFF + ((magnitude >> 22) & 1)) & 0xFFC00000;
  FN(u) small = (FN(u))(((FN(f))magnitude + 4194304.0f) - 4194304.0f);
  FN(u) pattern = (FN(i))magnitude < 0x3F800000 ? small : large;
  pattern |= (FN(u))y & 0x80000000;
  return (FN(f))(y == y ? pattern : 0);
}

// Packs W codes, one in each 32-bit lane, into W / 2 bytes.
INLINE void FN(store_codes)(FN(u) code, uint8_t *codes) {
  FN(q) pair = (FN(q))code;
  pair |= pair >> 28;
  *(FN(bu) *)codes = __builtin_convertvector(pair, FN(b));
}

// Encodes W values to `codes` or, if that is NULL, rounds them to `y`.
INLINE void FN(fp4_vector)(const float *x, float operand, int divides, float value, const uint32_t *words,
                           uint8_t *codes, float *y) {
  FN(f) v = divides ? FN(load)(x) / operand : FN(load)(x) * operand;
  if (codes)
    FN(store_codes)(words ? FN(e2m1_random)(v, FN(uniform)(words)) : FN(e2m1)(v), codes);
  else
    FN(store)(y, (words ? FN(e2m1_value)(FN(e2m1_random)(v, FN(uniform)(words))) : FN(e2m1_rounded)(v)) * value);
}

// The n < W values at the end of a row.
INLINE void FN(fp4_rest)(const float *x, size_t n, float operand, int divides, float value, const uint32_t *words,
                         uint8_t *codes, float *y) {
  float values[W], rounded[W];
  uint32_t random[W];
  uint8_t packed[W / 2];
  FN(fp4_vector)(FN(whole)(x, n, values), operand, divides, value, FN(whole_words)(words, n, random),
                 codes ? packed : NULL, rounded);
  if (codes) {
    if (n % 2) packed[n / 2] &= 15;
    memcpy(codes, packed, (n + 1) / 2);
  } else {
    memcpy(y, rounded, n * sizeof(float));
  }
}

INLINE void FN(fp4_rows)(const float *x, size_t rows, size_t columns, size_t group, const uint8_t *scales,
                         const walsh_fp4_table *table, int divides, const uint32_t *words, uint8_t *codes, float *y) {
  // Without a shorter group the rows follow one another without a seam.
  if (columns % group == 0) columns *= rows, rows = rows > 0;
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < columns; c += group) {
      size_t n = columns - c < group ? columns - c : group, i = 0;
      float operand = table->operands[*scales], value = table->values[*scales];
      scales++;
      for (; i + W <= n; i += W)
        FN(fp4_vector)(x + i, operand, divides, value, words ? words + i : NULL, codes ? codes + i / 2 : NULL, y + i);
      if (i < n)
        FN(fp4_rest)(x + i, n - i, operand, divides, value, words ? words + i : NULL, codes ? codes + i / 2 : NULL,
                     y + i);
      x += n;
      if (words) words += n;
      if (codes)
        codes += (n + 1) / 2;
      else
        y += n;
    }
}

// One loop for each of the usual cases, so that no choice is in it.
INLINE void FN(fp4)(const float *x, size_t rows, size_t columns, size_t group, const uint8_t *scales,
                    const walsh_fp4_table *table, const uint32_t *words, uint8_t *codes, float *y) {
#define ROWS(group, divides, words) FN(fp4_rows)(x, rows, columns, group, scales, table, divides, words, codes, y)
  if (words)
    table->divides ? ROWS(group, 1, words) : ROWS(group, 0, words);
  else if (group == 16)
    table->divides ? ROWS(16, 1, NULL) : ROWS(16, 0, NULL);
  else if (group == 32 && !table->divides)
    ROWS(32, 0, NULL);
  else
    ROWS(group, table->divides, NULL);
#undef ROWS
}

void FN(walsh_encode_fp4)(const float *x, size_t rows, size_t columns, size_t group, const uint8_t *scales,
                          const walsh_fp4_table *table, const uint32_t *words, uint8_t *codes) {
  // Never NULL, which would choose the other output.
  if (codes) FN(fp4)(x, rows, columns, group, scales, table, words, codes, NULL);
}

void FN(walsh_round_fp4)(const float *x, size_t rows, size_t columns, size_t group, const uint8_t *scales,
                         const walsh_fp4_table *table, const uint32_t *words, float *y) {
  FN(fp4)(x, rows, columns, group, scales, table, words, NULL, y);
}

static const float FN(e2m1_values)[16] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0.0f, -0.5f, -1, -1.5f, -2, -3, -4, -6};

void FN(walsh_dequantize_fp4)(const uint8_t *codes, const float *scales, size_t rows, size_t columns, size_t group,
                              float *y) {
  for (size_t r = 0; r < rows; r++) {
    for (size_t c = 0; c < columns; c += group) {
      size_t n = columns - c < group ? columns - c : group, i = 0;
      float scale = *scales++;
      for (; i + W <= n; i += W) {
        FN(q) pair = __builtin_convertvector(*(const FN(bu) *)(codes + (c + i) / 2), FN(q));
        FN(store)(y + c + i, FN(e2m1_value)((FN(u))((pair & 15) | ((pair & 0xF0) << 28))) * scale);
      }
      for (; i < n; i++) y[c + i] = FN(e2m1_values)[codes[(c + i) / 2] >> (i & 1) * 4 & 15] * scale;
    }
    codes += (columns + 1) / 2;
    y += columns;
  }
}

void FN(walsh_fp4_errors)(const float *x, size_t n, float operand, int divides, float value, float lanes[16]) {
  // Sixteen lanes for every instruction set: the sums must not depend on it.
  for (size_t i = 0; i < n; i += 16) {
    float padded[16] = {0};
    const float *p = x + i;
    // Zeros have no error.
    if (n - i < 16) p = memcpy(padded, p, (n - i) * sizeof(float));
#pragma clang loop unroll(full)
    for (size_t k = 0; k < 16; k += W) {
      FN(f) v = FN(load)(p + k);
      FN(f) d = FN(e2m1_rounded)(divides ? v / operand : v * operand) * value - v;
      FN(store)(lanes + k, FN(load)(lanes + k) + d * d);
    }
  }
}

float FN(walsh_four_over_six_error)(const float *x, size_t n, float operand, float stored, float amax, int squared) {
  float sum = 0;
  for (size_t i = 0; i < n; i += W) {
    size_t count = n - i < W ? n - i : W;
    float padded[W] = {0}, terms[W];
    memcpy(padded, x + i, count * sizeof(float));
    FN(f) v = FN(load)(padded);
    FN(f) d = FN(e2m1_rounded)(v * operand) * stored * amax / 1536.0f - v;
    FN(store)(terms, squared ? d * d : (FN(f))((FN(u))d & 0x7FFFFFFF));
    for (size_t k = 0; k < count; k++) sum += terms[k];
  }
  return sum;
}
