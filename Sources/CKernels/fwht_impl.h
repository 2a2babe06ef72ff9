// Walsh-Hadamard transforms of rows whose length is a power of two. The includer defines W (lanes of a vector),
// R (vectors in a register tile) and FN (the suffix).
//
// A tile of R vectors is loaded once and stored once per log2(R) levels. The first pass also does the levels inside a
// vector, each one lane permutation and one multiply-add by ±1. Levels are taken in the order of the textbook loop and
// a multiplication by ±1 is exact, so every version gives the bits of walsh_fwht_rows_scalar.

typedef float FN(v) __attribute__((ext_vector_type(W)));
typedef float FN(vu) __attribute__((ext_vector_type(W), aligned(4)));
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

INLINE FN(v) FN(load)(const float *p) { return *(const FN(vu) *)p; }
INLINE void FN(store)(float *p, FN(v) x) { *(FN(vu) *)p = x; }

// The first `levels` levels inside a vector: lane i becomes x[i ^ h] ± x[i], minus where bit h of i is set.
INLINE FN(v) FN(lanes)(FN(v) x, int levels) {
#if W == 16
  const FN(v) s1 = {1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1};
  const FN(v) s2 = {1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1};
  const FN(v) s4 = {1, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1};
  const FN(v) s8 = {1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1};
  if (levels > 0) x = x * s1 + __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
  if (levels > 1) x = x * s2 + __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
  if (levels > 2) x = x * s4 + __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
  if (levels > 3) x = x * s8 + __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
#elif W == 8
  const FN(v) s1 = {1, -1, 1, -1, 1, -1, 1, -1};
  const FN(v) s2 = {1, 1, -1, -1, 1, 1, -1, -1};
  const FN(v) s4 = {1, 1, 1, 1, -1, -1, -1, -1};
  if (levels > 0) x = x * s1 + __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6);
  if (levels > 1) x = x * s2 + __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5);
  if (levels > 2) x = x * s4 + __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3);
#else
  const FN(v) s1 = {1, -1, 1, -1};
  const FN(v) s2 = {1, 1, -1, -1};
  if (levels > 0) x = x * s1 + __builtin_shufflevector(x, x, 1, 0, 3, 2);
  if (levels > 1) x = x * s2 + __builtin_shufflevector(x, x, 2, 3, 0, 1);
#endif
  return x;
}

// The first `levels` levels across the vectors of a tile of `count`.
INLINE void FN(across)(FN(v) *r, int count, int levels) {
  UNROLL for (int h = 1; h < 1 << levels; h *= 2)
    UNROLL for (int i = 0; i < count; i++)
      if (!(i & h)) {
        FN(v) a = r[i], b = r[i + h];
        r[i] = a + b;
        r[i + h] = a - b;
      }
}

// The levels inside `count` consecutive vectors, and then `levels` levels across them, for `tiles` such tiles.
INLINE void FN(first_tiles)(float *p, size_t tiles, int count, int lane_levels, int levels, float scale, int last) {
  for (size_t t = 0; t < tiles; t++, p += count * W) {
    FN(v) r[R];
    UNROLL for (int i = 0; i < count; i++) r[i] = FN(lanes)(FN(load)(p + i * W), lane_levels);
    FN(across)(r, count, levels);
    UNROLL for (int i = 0; i < count; i++) FN(store)(p + i * W, last ? r[i] * scale : r[i]);
  }
}

// All levels of rows of n <= W·R floats. `total` floats in all, a multiple of n.
#define FIRST(l, c) FN(first_tiles)(p, total / (W * R), R, l, c, scale, 1), \
    FN(first_tiles)(p + total / (W * R) * (W * R), total % (W * R) / (W << (c)), 1 << (c), l, c, scale, 1)
static void FN(small_rows)(float *p, size_t total, size_t n, float scale) {
  switch (n) {
  case 1: FIRST(0, 0); break;
  case 2: FIRST(1, 0); break;
  case 4: FIRST(2, 0); break;
#if W >= 8
  case 8: FIRST(3, 0); break;
#endif
#if W >= 16
  case 16: FIRST(4, 0); break;
#endif
  case 2 * W: FIRST(4, 1); break;
  case 4 * W: FIRST(4, 2); break;
  case 8 * W: FIRST(4, 3); break;
#if R >= 16
  case 16 * W: FIRST(4, 4); break;
#endif
  }
  size_t rest = n < W ? total % W / n : 0;
  walsh_fwht_rows_scalar(p + total - rest * n, rest, n, scale);
}
#undef FIRST

// `levels` levels of a row of n floats, the first of them between elements h >= W apart.
INLINE void FN(radix)(float *p, size_t n, size_t h, int levels, float scale, int last) {
  for (size_t base = 0; base < n; base += h << levels)
    for (size_t c = base; c < base + h; c += W) {
      FN(v) r[R];
      UNROLL for (int i = 0; i < 1 << levels; i++) r[i] = FN(load)(p + c + i * h);
      FN(across)(r, 1 << levels, levels);
      UNROLL for (int i = 0; i < 1 << levels; i++) FN(store)(p + c + i * h, last ? r[i] * scale : r[i]);
    }
}

// The levels from h up to n, in as few passes as `most` levels a pass allow, shared out evenly.
static void FN(passes)(float *p, size_t n, size_t h, int most, float scale, int last) {
  while (h < n) {
    const int left = __builtin_ctzll(n / h), count = (left + most - 1) / most, levels = (left + count - 1) / count;
    switch (2 * levels + (last && levels == left)) {
#define CASE(l) \
  case 2 * l: FN(radix)(p, n, h, l, scale, 0); break; \
  case 2 * l + 1: FN(radix)(p, n, h, l, scale, 1); break
      CASE(1);
      CASE(2);
      CASE(3);
#if R >= 16
      CASE(4);
#endif
#undef CASE
    }
    h <<= levels;
  }
}

// Blocks of at most 4096 floats are finished in the L1 cache first. The elements that the remaining levels combine lie a
// power of two apart and share a cache set of eight ways, so those passes take at most three levels.
void FN(walsh_fwht_rows)(float *x, size_t rows, size_t n, float scale) {
  if (n <= W * R) return FN(small_rows)(x, rows * n, n, scale);
  const size_t block = n < 4096 ? n : 4096;
  const int log_r = R == 16 ? 4 : 3;
  for (size_t r = 0; r < rows; r++) {
    float *p = x + r * n;
    for (float *b = p; b < p + n; b += block) {
      FN(first_tiles)(b, block / (W * R), R, 4, log_r, 1, 0);
      FN(passes)(b, block, W * R, log_r, scale, block == n);
    }
    FN(passes)(p, n, block, 3, scale, 1);
  }
}
