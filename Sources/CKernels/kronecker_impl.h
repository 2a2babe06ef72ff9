// Kronecker products with rows. Define W (lanes) and FN before including this file.
//
// Everything is products of small matrices that stay in the first cache: tiles of four rows by two vectors, then one vector,
// then narrower ones for the columns that are left.
#include <string.h>

typedef float FN(four) __attribute__((ext_vector_type(4)));
typedef float FN(four_at) __attribute__((ext_vector_type(4), aligned(4)));
typedef float FN(eight) __attribute__((ext_vector_type(8)));
typedef float FN(eight_at) __attribute__((ext_vector_type(8), aligned(4)));
#if W == 16
typedef float FN(sixteen) __attribute__((ext_vector_type(16)));
typedef float FN(sixteen_at) __attribute__((ext_vector_type(16), aligned(4)));
#endif

/// c (+)= a . b for ROWS rows and COUNT vectors of LANES columns; a[i][p] is at a + i * ai + p * ap.
#define TILE(NAME, TYPE, LANES, ROWS, COUNT)                                                                         \
  static __attribute__((noinline)) void FN(NAME)(size_t k, const float *a, size_t ai, size_t ap, const float *b,     \
                                                 size_t ldb, float *c, size_t ldc, int adds) {                       \
    FN(TYPE) sums[ROWS][COUNT];                                                                                      \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < ROWS; i++)                                                \
        _Pragma("clang loop unroll(full)") for (int v = 0; v < COUNT; v++) {                                         \
      if (adds) {                                                                                                    \
        sums[i][v] = *(const FN(TYPE##_at) *)(c + i * ldc + v * LANES);                                              \
      } else {                                                                                                       \
        sums[i][v] = 0;                                                                                              \
      }                                                                                                              \
    }                                                                                                                \
    for (size_t p = 0; p < k; p++) {                                                                                 \
      FN(TYPE) y[COUNT];                                                                                             \
      _Pragma("clang loop unroll(full)") for (int v = 0; v < COUNT; v++) y[v] =                                      \
          *(const FN(TYPE##_at) *)(b + p * ldb + v * LANES);                                                         \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < ROWS; i++) {                                            \
        float x = a[i * ai + p * ap];                                                                                \
        _Pragma("clang loop unroll(full)") for (int v = 0; v < COUNT; v++) sums[i][v] += x * y[v];                   \
      }                                                                                                              \
    }                                                                                                                \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < ROWS; i++)                                                \
        _Pragma("clang loop unroll(full)") for (int v = 0; v < COUNT; v++)                                           \
            *(FN(TYPE##_at) *)(c + i * ldc + v * LANES) = sums[i][v];                                                \
  }

#if W == 16
TILE(wide4x2, sixteen, 16, 4, 2)
TILE(wide1x2, sixteen, 16, 1, 2)
TILE(wide4x1, sixteen, 16, 4, 1)
TILE(wide1x1, sixteen, 16, 1, 1)
#elif W == 8
TILE(eight4x2, eight, 8, 4, 2)
TILE(eight1x2, eight, 8, 1, 2)
#else
TILE(four4x2, four, 4, 4, 2)
TILE(four1x2, four, 4, 1, 2)
#endif
#if W >= 8
TILE(eight4x1, eight, 8, 4, 1)
TILE(eight1x1, eight, 8, 1, 1)
#endif
TILE(four4x1, four, 4, 4, 1)
TILE(four1x1, four, 4, 1, 1)

/// c (+)= a . b, c being m x n with rows `ldc` apart; a[i][p] is at a + i * ai + p * ap.
static void FN(multiply)(size_t m, size_t n, size_t k, const float *a, size_t ai, size_t ap, const float *b, size_t ldb,
                         float *c, size_t ldc, int adds) {
#define COLUMNS(FOUR, ONE, WIDTH)                                                                                    \
  for (; j + WIDTH <= n; j += WIDTH) {                                                                               \
    size_t i = 0;                                                                                                    \
    for (; i + 4 <= m; i += 4) FN(FOUR)(k, a + i * ai, ai, ap, b + j, ldb, c + i * ldc + j, ldc, adds);              \
    for (; i < m; i++) FN(ONE)(k, a + i * ai, ai, ap, b + j, ldb, c + i * ldc + j, ldc, adds);                       \
  }
  size_t j = 0;
#if W == 16
  COLUMNS(wide4x2, wide1x2, 32)
  COLUMNS(wide4x1, wide1x1, 16)
  COLUMNS(eight4x1, eight1x1, 8)
#elif W == 8
  COLUMNS(eight4x2, eight1x2, 16)
  COLUMNS(eight4x1, eight1x1, 8)
#else
  COLUMNS(four4x2, four1x2, 8)
#endif
  COLUMNS(four4x1, four1x1, 4)
#undef COLUMNS
  for (; j < n; j++)
    for (size_t i = 0; i < m; i++) {
      float sum = adds ? c[i * ldc + j] : 0;
      for (size_t p = 0; p < k; p++) sum += a[i * ai + p * ap] * b[p * ldb + j];
      c[i * ldc + j] = sum;
    }
}

/// The row x, or x * scale in `scaled`.
static inline __attribute__((always_inline)) const float *FN(scaled)(const walsh_kronecker *p, const float *x,
                                                                      float *scaled) {
  if (!p->scale) return x;
  size_t n = p->n1 * p->n2;
  for (size_t i = 0; i < n; i++) scaled[i] = x[i] * p->scale[i];
  return scaled;
}

void FN(walsh_kronecker_apply)(const walsh_kronecker *p, const float *x, size_t rows, float *scratch, float *y) {
  size_t n1 = p->n1, n2 = p->n2, n = n1 * n2;
  for (size_t r = 0; r < rows; r++, x += n, y += n) {
    const float *s = FN(scaled)(p, x, scratch);
    if (p->right) {
      float *t = p->left ? scratch + n : y;
      // In place, the product must not overwrite what it still reads.
      if (t == s) memcpy(scratch, s, n * sizeof(float)), s = scratch;
      FN(multiply)(n1, n2, n2, s, n2, 1, p->right, n2, t, n2, 0);
      s = t;
    }
    if (p->left) {
      if (s == y) memcpy(scratch, s, n * sizeof(float)), s = scratch;
      FN(multiply)(n1, n2, n1, p->left, 1, n1, s, n2, y, n2, 0);
    } else if (!p->right && s != y) {
      memcpy(y, s, n * sizeof(float));
    }
  }
}

void FN(walsh_kronecker_gradients)(const walsh_kronecker *p, const float *x, const float *g, size_t rows,
                                   float *scratch, float *dx, const walsh_kronecker_sums *sums) {
  size_t n1 = p->n1, n2 = p->n2, n = n1 * n2;
  float *scaled = scratch, *inner = scratch + n, *mixed = scratch + 2 * n, *turned = scratch + 3 * n;
  for (size_t r = 0; r < rows; r++, x += n, g += n) {
    const float *u = g;  // L.G
    if (p->left) {
      FN(multiply)(n1, n2, n1, p->left, n1, 1, g, n2, inner, n2, 0);
      u = inner;
    }
    const float *s = sums->left || sums->right ? FN(scaled)(p, x, scaled) : x;
    if (sums->right) FN(multiply)(n2, n2, n1, s, 1, n2, u, n2, sums->right, n2, 1);
    if (sums->left) {
      const float *t = s;  // S.R
      if (p->right) {
        FN(multiply)(n1, n2, n2, s, n2, 1, p->right, n2, mixed, n2, 0);
        t = mixed;
      }
      for (size_t i = 0; i < n1; i++)
        for (size_t j = 0; j < n2; j++) turned[j * n1 + i] = g[i * n2 + j];
      FN(multiply)(n1, n1, n2, t, n2, 1, turned, n1, sums->left, n1, 1);
    }
    if (!dx && !sums->scale) continue;
    const float *d = u;  // L.G.R'
    if (p->right) {
      FN(multiply)(n1, n2, n2, u, n2, 1, p->right_transposed, n2, mixed, n2, 0);
      d = mixed;
    }
    if (sums->scale)
      for (size_t i = 0; i < n; i++) sums->scale[i] += d[i] * x[i];
    if (!dx) continue;
    if (p->scale) {
      for (size_t i = 0; i < n; i++) dx[i] = d[i] * p->scale[i];
    } else {
      memcpy(dx, d, n * sizeof(float));
    }
    dx += n;
  }
}
