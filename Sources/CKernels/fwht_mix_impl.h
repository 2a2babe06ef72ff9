// Hadamard transforms of rows of k·m floats, k a multiple of four: Sylvester blocks of length m, then a small ±1 matrix
// across the k blocks. Included after fwht_impl.h.
//
// Four blocks have eight signed sums up to an overall sign. They are computed once (12 additions) and each of the k
// results then takes one multiply-add by ±1 for every four blocks: k/4 + 3 operations per element instead of k.

// p[j · stride + offset[v]] is vector v of line j. Replaces lines 0 ..< k by line i <- scale · Σ_j M[i][j] · line j.
// The sums of a batch of at most ten groups stay in the L1 cache; scratch: 80 · 4W floats for them, k · 4W for results.
INLINE void FN(mix_tile)(float *p, size_t stride, const size_t *offset, int count, size_t k, const uint8_t *codes,
                         float scale, float *scratch) {
  static const float sign[2] = {1, -1};
  const size_t width = (size_t)count * W, groups = k / 4;
  const size_t batches = (groups + 9) / 10, batch = (groups + batches - 1) / batches;
  float *sums = scratch, *results = scratch + 80 * width;
  for (size_t start = 0; start < groups; start += batch) {
    const size_t end = start + batch < groups ? start + batch : groups;
    for (size_t g = start; g < end; g++)
      UNROLL for (int v = 0; v < count; v++) {
        const float *x = p + 4 * g * stride + offset[v];
        float *q = sums + 8 * (g - start) * width + v * W;
        FN(v) x0 = FN(load)(x), x1 = FN(load)(x + stride), x2 = FN(load)(x + 2 * stride), x3 = FN(load)(x + 3 * stride);
        FN(v) a[2] = {x0 + x1, x0 - x1}, b[2] = {x2 + x3, x2 - x3};
        UNROLL for (int c = 0; c < 8; c++)
          FN(store)(q + c * width, c & 2 ? a[c & 1] - b[c >> 2] : a[c & 1] + b[c >> 2]);
      }
    for (size_t i = 0; i < k; i++) {
      const uint8_t *code = codes + i * groups + start;
      const float *q = sums;
      FN(v) acc[4];
      UNROLL for (int v = 0; v < count; v++) {
        acc[v] = FN(load)(q + (*code & 7) * width + v * W) * sign[*code >> 3];
        if (start > 0) acc[v] += FN(load)(results + i * width + v * W);
      }
      for (size_t g = start + 1; g < end; g++) {
        code++;
        q += 8 * width;
        FN(v) s = sign[*code >> 3];
        UNROLL for (int v = 0; v < count; v++) acc[v] = FN(load)(q + (*code & 7) * width + v * W) * s + acc[v];
      }
      UNROLL for (int v = 0; v < count; v++) {
        if (end < groups) FN(store)(results + i * width + v * W, acc[v]);
        else FN(store)(p + i * stride + offset[v], acc[v] * scale);
      }
    }
  }
}

// Rows whose blocks hold four vectors or more.
static void FN(mix_long)(float *x, size_t rows, size_t k, size_t m, const uint8_t *codes, float scale, float *scratch) {
  const size_t offset[4] = {0, W, 2 * W, 3 * W};
  for (size_t r = 0; r < rows; r++) {
    float *p = x + r * k * m;
    FN(walsh_fwht_rows)(p, k, m, 1);
    for (size_t c = 0; c < m; c += 4 * W) FN(mix_tile)(p + c, m, offset, 4, k, codes, scale, scratch);
  }
}

// Rows whose blocks hold one vector or two (`vectors`): four vectors come from several rows.
INLINE void FN(mix_few)(float *x, size_t rows, size_t k, size_t vectors, const uint8_t *codes, float scale,
                        float *scratch) {
  const size_t m = vectors * W, n = k * m;
  const size_t one[4] = {0, n, 2 * n, 3 * n}, two[4] = {0, W, n, n + W};
  const size_t step = 4 / vectors;
  for (size_t r = 0; r < rows;) {
    float *p = x + r * n;
    const size_t taken = rows - r < step ? 1 : step;
    FN(walsh_fwht_rows)(p, taken * k, m, 1);
    if (taken > 1) FN(mix_tile)(p, m, vectors == 1 ? one : two, 4, k, codes, scale, scratch);
    else FN(mix_tile)(p, m, two, vectors, k, codes, scale, scratch);
    r += taken;
  }
}

// Rows whose blocks are shorter than a vector: the columns of several rows are copied side by side.
INLINE void FN(mix_short)(float *x, size_t rows, size_t k, size_t m, const uint8_t *codes, float scale,
                          float *scratch) {
  const size_t width = 4 * W, step = width / m;
  const size_t offset[4] = {0, W, 2 * W, 3 * W};
  float *tile = scratch + (80 + k) * width;
  for (size_t r = 0; r < rows; r += step) {
    const size_t taken = rows - r < step ? rows - r : step;
    float *p = x + r * k * m;
    FN(walsh_fwht_rows)(p, taken * k, m, 1);
    if (taken < step) __builtin_memset(tile, 0, k * width * sizeof(float));
    for (size_t t = 0; t < taken; t++)
      for (size_t j = 0; j < k; j++) __builtin_memcpy(tile + j * width + t * m, p + (t * k + j) * m, m * sizeof(float));
    if (taken * m <= W) FN(mix_tile)(tile, width, offset, 1, k, codes, scale, scratch);
    else FN(mix_tile)(tile, width, offset, 4, k, codes, scale, scratch);
    for (size_t t = 0; t < taken; t++)
      for (size_t j = 0; j < k; j++) __builtin_memcpy(p + (t * k + j) * m, tile + j * width + t * m, m * sizeof(float));
  }
}

void FN(walsh_hadamard_rows)(float *x, size_t rows, size_t k, size_t m, const uint8_t *codes, float scale,
                             float *scratch) {
  switch (m) {
  case 1: return FN(mix_short)(x, rows, k, 1, codes, scale, scratch);
  case 2: return FN(mix_short)(x, rows, k, 2, codes, scale, scratch);
#if W >= 8
  case 4: return FN(mix_short)(x, rows, k, 4, codes, scale, scratch);
#endif
#if W >= 16
  case 8: return FN(mix_short)(x, rows, k, 8, codes, scale, scratch);
#endif
  case W: return FN(mix_few)(x, rows, k, 1, codes, scale, scratch);
  case 2 * W: return FN(mix_few)(x, rows, k, 2, codes, scale, scratch);
  default: return FN(mix_long)(x, rows, k, m, codes, scale, scratch);
  }
}
