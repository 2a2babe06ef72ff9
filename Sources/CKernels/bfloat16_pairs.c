// A tile of four rows and six tokens keeps 24 accumulators and takes ten loads for 24 instructions, so the multiplier is
// the limit. The rows of a tile and the tokens of a tile never change the order of a sum.
#include "include/bfloat16_pairs.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c"))), apply_to = function)
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")
enum { ROWS = 4, TOKENS = 6, W = 32 };

// The columns that `mask` selects; zeros elsewhere.
INLINE __m512bh load(const uint16_t *p, __mmask32 mask) { return (__m512bh)_mm512_maskz_loadu_epi16(mask, p); }

INLINE void add_pairs(__m512 acc[ROWS][TOKENS], const uint16_t *w, int rows, const uint16_t *x, int tokens,
                      size_t columns, __mmask32 mask) {
  __m512bh values[ROWS];
  UNROLL for (int r = 0; r < rows; r++) values[r] = load(w + r * columns, mask);
  UNROLL for (int t = 0; t < tokens; t++) {
    const __m512bh token = load(x + t * columns, mask);
    UNROLL for (int r = 0; r < rows; r++) acc[r][t] = _mm512_dpbf16_ps(acc[r][t], values[r], token);
  }
}

INLINE void pairs_tile(const uint16_t *w, int rows, const uint16_t *x, int tokens, size_t columns, float *y,
                       size_t stride) {
  __m512 acc[ROWS][TOKENS];
  UNROLL for (int r = 0; r < rows; r++)
    UNROLL for (int t = 0; t < tokens; t++) acc[r][t] = _mm512_setzero_ps();
  size_t c = 0;
  for (; c + W <= columns; c += W) add_pairs(acc, w + c, rows, x + c, tokens, columns, ~(__mmask32)0);
  if (c < columns) add_pairs(acc, w + c, rows, x + c, tokens, columns, ((__mmask32)1 << (columns - c)) - 1);
  UNROLL for (int r = 0; r < rows; r++)
    UNROLL for (int t = 0; t < tokens; t++) y[t * stride + r] = _mm512_reduce_add_ps(acc[r][t]);
}

// One function a tile: inlined into the loops over tiles, the accumulators would leave their registers.
#define TILE(name, r, t)                                                                                            \
  static __attribute__((noinline)) void name(const uint16_t *w, const uint16_t *x, size_t columns, float *y,         \
                                             size_t stride) {                                                        \
    pairs_tile(w, r, x, t, columns, y, stride);                                                                      \
  }
TILE(row_token, 1, 1)
TILE(row_tokens, 1, TOKENS)
TILE(rows_token, ROWS, 1)
TILE(rows_tokens, ROWS, TOKENS)
#undef TILE

void walsh_bfloat16_pairs_rows(const uint16_t *w, size_t rows, const uint16_t *x, size_t tokens, size_t columns,
                               float *y, size_t stride) {
  for (size_t t = 0; t < tokens;) {
    const int whole = t + TOKENS <= tokens;
    const uint16_t *token = x + t * columns;
    float *out = y + t * stride;
    size_t r = 0;
    for (; r + ROWS <= rows; r += ROWS)
      (whole ? rows_tokens : rows_token)(w + r * columns, token, columns, out + r, stride);
    for (; r < rows; r++) (whole ? row_tokens : row_token)(w + r * columns, token, columns, out + r, stride);
    t += whole ? TOKENS : 1;
  }
}
#pragma clang attribute pop
#endif
