// Gradients of rounding and clipping. Define W (lanes) and FN before including this file.
typedef float FN(f) __attribute__((ext_vector_type(W)));
typedef float FN(fu) __attribute__((ext_vector_type(W), aligned(4)));
typedef int FN(i) __attribute__((ext_vector_type(W)));

#define LOAD(p) (*(const FN(fu) *)(p))
#define STORE(p, v) (*(FN(fu) *)(p) = (v))
/// v where `mask` is all ones, else zero.
#define WHERE(mask, v) ((FN(f))((mask) & (FN(i))(v)))

static inline __attribute__((always_inline)) double FN(total)(FN(f) v) {
  double sum = 0;
  for (int k = 0; k < W; k++) sum += (double)v[k];
  return sum;
}

double FN(walsh_straight_through)(const float *x, const float *g, size_t n, float scale, float low, float high,
                                  float *dx) {
  const float magic = 12582912.0f;
  FN(f) sums = 0;
  double sum = 0;
  // Sums of at most 4096 elements in Float32.
  for (size_t start = 0; start < n; start += 4096) {
    size_t end = n - start < 4096 ? n : start + 4096, i = start;
    sums = 0;
    for (; i + W <= end; i += W) {
      FN(f) v = LOAD(x + i) / scale, d = LOAD(g + i);
      // Far outside, rounding changes nothing that counts, and the sum below is exact only up to 2^22.
      FN(f) near = v > 4096.0f ? (FN(f))4096.0f : v;
      near = near < -4096.0f ? (FN(f)) - 4096.0f : near;
      FN(f) q = (near + magic) - magic;
      FN(f) bounded = q > high ? (FN(f))high : q;
      bounded = bounded < low ? (FN(f))low : bounded;
      FN(i) inside = q == bounded;
      STORE(dx + i, WHERE(inside, d));
      sums += (bounded - WHERE(inside, v)) * d;
    }
    sum += FN(total)(sums);
    for (; i < end; i++) {
      float v = x[i] / scale;
      float near = v > 4096.0f ? 4096.0f : v < -4096.0f ? -4096.0f : v;
      float q = (near + magic) - magic;
      float bounded = q > high ? high : q < low ? low : q;
      dx[i] = q == bounded ? g[i] : 0;
      sum += (double)((q == bounded ? q - v : bounded) * g[i]);
    }
  }
  return sum;
}

void FN(walsh_clip)(const float *x, size_t n, float low, float high, float *y) {
  size_t i = 0;
  for (; i + W <= n; i += W) {
    FN(f) v = LOAD(x + i);
    v = v < low ? (FN(f))low : v;
    STORE(y + i, v > high ? (FN(f))high : v);
  }
  for (; i < n; i++) y[i] = x[i] < low ? low : x[i] > high ? high : x[i];
}

void FN(walsh_clip_gradient)(const float *x, const float *g, size_t n, float low, float high, float *dx,
                             double sums[2]) {
  FN(f) below = 0, above = 0;
  size_t i = 0;
  for (; i + W <= n; i += W) {
    FN(f) v = LOAD(x + i), d = LOAD(g + i);
    FN(i) under = v < low, over = v > high;
    below += WHERE(under, d);
    above += WHERE(over, d);
    STORE(dx + i, WHERE(~(under | over), d));
  }
  sums[0] = FN(total)(below);
  sums[1] = FN(total)(above);
  for (; i < n; i++) {
    if (x[i] < low) sums[0] += (double)g[i];
    if (x[i] > high) sums[1] += (double)g[i];
    dx[i] = x[i] < low || x[i] > high ? 0 : g[i];
  }
}

size_t FN(walsh_first_index)(const float *x, size_t n, float value) {
  size_t i = 0;
  for (; i + W <= n; i += W)
    if (__builtin_reduce_or(LOAD(x + i) == value)) break;
  for (; i < n; i++)
    if (x[i] == value) return i;
  return n;
}
