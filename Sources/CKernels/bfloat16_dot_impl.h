// Products of Float32 rows with bfloat16 rows. The includer defines W (lanes of a vector), TOKENS (tokens of a register
// tile of four rows) and FN (the suffix).
//
// Vector c of a row meets vector c of a token in one accumulator of W lanes, whatever the tile, so a sum has one order.
// Four rows give four chains of multiply-adds, enough to read one token's weights at the speed of the memory.

typedef float FN(v) __attribute__((ext_vector_type(W)));
typedef float FN(vu) __attribute__((ext_vector_type(W), aligned(4)));
typedef uint32_t FN(bits) __attribute__((ext_vector_type(W)));
typedef uint16_t FN(halves) __attribute__((ext_vector_type(W), aligned(2)));
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

INLINE FN(v) FN(widen)(const uint16_t *w) {
  const FN(bits) wide = __builtin_convertvector(*(const FN(halves) *)w, FN(bits)) << 16;
  FN(v) value;
  __builtin_memcpy(&value, &wide, sizeof value);
  return value;
}

// Adds the two halves of a vector until one lane is left.
INLINE float FN(total)(FN(v) x) {
  float lanes[W];
  __builtin_memcpy(lanes, &x, sizeof x);
  UNROLL for (int h = W / 2; h > 0; h /= 2)
    UNROLL for (int i = 0; i < h; i++) lanes[i] += lanes[i + h];
  return lanes[0];
}

INLINE void FN(dot_tile)(const uint16_t *w, int rows, const float *x, int tokens, size_t columns, float *y,
                         size_t stride) {
  FN(v) acc[4][TOKENS];
  UNROLL for (int r = 0; r < rows; r++)
    UNROLL for (int t = 0; t < tokens; t++) acc[r][t] = 0;
  size_t c = 0;
  for (; c + W <= columns; c += W) {
    FN(v) values[4];
    UNROLL for (int r = 0; r < rows; r++) {
      values[r] = FN(widen)(w + r * columns + c);
      // Rows are too short for the processor to guess where the next ones begin. A prefetch is dropped while the line
      // buffers are full, so each line is asked for in two tiles.
      if (tokens == 1) {
        __builtin_prefetch(w + (r + rows) * columns + c, 0, 2);
        __builtin_prefetch(w + (r + 2 * rows) * columns + c, 0, 2);
      }
    }
    UNROLL for (int t = 0; t < tokens; t++) {
      const FN(v) token = *(const FN(vu) *)(x + t * columns + c);
      UNROLL for (int r = 0; r < rows; r++) acc[r][t] = values[r] * token + acc[r][t];
    }
  }
  // The columns that fill no vector, padded with zeros.
  if (c < columns) {
    uint16_t tail[4][W] = {{0}};
    UNROLL for (int r = 0; r < rows; r++) __builtin_memcpy(tail[r], w + r * columns + c, (columns - c) * 2);
    UNROLL for (int t = 0; t < tokens; t++) {
      FN(v) token = 0;
      __builtin_memcpy(&token, x + t * columns + c, (columns - c) * 4);
      UNROLL for (int r = 0; r < rows; r++) acc[r][t] = FN(widen)(tail[r]) * token + acc[r][t];
    }
  }
  UNROLL for (int r = 0; r < rows; r++)
    UNROLL for (int t = 0; t < tokens; t++) y[t * stride + r] = FN(total)(acc[r][t]);
}

// One function a tile: inlined into the loops over tiles, the accumulators would leave their registers.
#define TILE(name, r, t)                                                                                            \
  static __attribute__((noinline)) void FN(name)(const uint16_t *w, const float *x, size_t columns, float *y,        \
                                                 size_t stride) {                                                    \
    FN(dot_tile)(w, r, x, t, columns, y, stride);                                                                    \
  }
TILE(row_token, 1, 1)
TILE(row_tokens, 1, TOKENS)
TILE(rows_token, 4, 1)
TILE(rows_tokens, 4, TOKENS)
#undef TILE

void FN(walsh_bfloat16_dot_rows)(const uint16_t *w, size_t rows, const float *x, size_t tokens, size_t columns, float *y,
                                 size_t stride) {
  for (size_t t = 0; t < tokens;) {
    const int whole = t + TOKENS <= tokens;
    const float *token = x + t * columns;
    float *out = y + t * stride;
    size_t r = 0;
    for (; r + 4 <= rows; r += 4)
      (whole ? FN(rows_tokens) : FN(rows_token))(w + r * columns, token, columns, out + r, stride);
    for (; r < rows; r++) (whole ? FN(row_tokens) : FN(row_token))(w + r * columns, token, columns, out + r, stride);
    t += whole ? TOKENS : 1;
  }
}
