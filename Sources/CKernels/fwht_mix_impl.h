// Hadamard transforms of rows of k·m floats, k a multiple of four: Sylvester blocks of length m, then a small ±1 matrix
// across the k blocks. Included after fwht_impl.h.
//
// Four blocks have eight signed sums up to an overall sign. They are computed once (12 additions) and each of the k
// results then takes one multiply-add by ±1 for every four blocks: k/4 + 3 operations per element instead of k.
// A tile is COUNT vectors of columns. Blocks of at most COUNT vectors are transformed on the way into the sums, and
// blocks shorter than a vector come from several rows, through a transposition in registers.

#if W == 16
#define COUNT 4
#else
#define COUNT 2  // with four results, as many accumulators as sixteen registers have room for
#endif
#define SUMS 6144

// Exchanges bit h of the lane number with the choice between a and b. Its own inverse.
INLINE void FN(exchange)(FN(v) *a, FN(v) *b, size_t h) {
  const FN(v) x = *a, y = *b;
#if W == 16
  if (h == 1) {
    *a = __builtin_shufflevector(x, y, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
    *b = __builtin_shufflevector(x, y, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
  } else if (h == 2) {
    *a = __builtin_shufflevector(x, y, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    *b = __builtin_shufflevector(x, y, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
  } else if (h == 4) {
    *a = __builtin_shufflevector(x, y, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    *b = __builtin_shufflevector(x, y, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
  } else {
    *a = __builtin_shufflevector(x, y, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    *b = __builtin_shufflevector(x, y, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
  }
#elif W == 8
  if (h == 1) {
    *a = __builtin_shufflevector(x, y, 0, 8, 2, 10, 4, 12, 6, 14);
    *b = __builtin_shufflevector(x, y, 1, 9, 3, 11, 5, 13, 7, 15);
  } else if (h == 2) {
    *a = __builtin_shufflevector(x, y, 0, 1, 8, 9, 4, 5, 12, 13);
    *b = __builtin_shufflevector(x, y, 2, 3, 10, 11, 6, 7, 14, 15);
  } else {
    *a = __builtin_shufflevector(x, y, 0, 1, 2, 3, 8, 9, 10, 11);
    *b = __builtin_shufflevector(x, y, 4, 5, 6, 7, 12, 13, 14, 15);
  }
#else
  if (h == 1) {
    *a = __builtin_shufflevector(x, y, 0, 4, 2, 6);
    *b = __builtin_shufflevector(x, y, 1, 5, 3, 7);
  } else {
    *a = __builtin_shufflevector(x, y, 0, 1, 4, 5);
    *b = __builtin_shufflevector(x, y, 2, 3, 6, 7);
  }
#endif
}

typedef float FN(quad) __attribute__((ext_vector_type(4), aligned(4)));
typedef float FN(octet) __attribute__((ext_vector_type(8), aligned(4)));
#define ALL4 0, 1, 2, 3
#define ALL8 ALL4, 4, 5, 6, 7
#define ALL16 ALL8, 8, 9, 10, 11, 12, 13, 14, 15

// A vector of pieces of `piece` floats (4, 8 or 16, at most W), one from each of W / piece rows.
INLINE FN(v) FN(load_pieces)(float *const *row, size_t at, size_t piece) {
  (void)piece;
#if W > 4
  if (piece == 4) {
    FN(quad) a = *(const FN(quad) *)(row[0] + at), b = *(const FN(quad) *)(row[1] + at);
#if W == 8
    return __builtin_shufflevector(a, b, ALL8);
#else
    FN(quad) c = *(const FN(quad) *)(row[2] + at), d = *(const FN(quad) *)(row[3] + at);
    return __builtin_shufflevector(__builtin_shufflevector(a, b, ALL8), __builtin_shufflevector(c, d, ALL8), ALL16);
#endif
  }
#endif
#if W > 8
  if (piece == 8)
    return __builtin_shufflevector(*(const FN(octet) *)(row[0] + at), *(const FN(octet) *)(row[1] + at), ALL16);
#endif
  return FN(load)(row[0] + at);
}

INLINE void FN(store_pieces)(float *const *row, size_t at, size_t piece, FN(v) x) {
  (void)piece;
#if W > 4
  if (piece == 4) {
    *(FN(quad) *)(row[0] + at) = __builtin_shufflevector(x, x, ALL4);
    *(FN(quad) *)(row[1] + at) = __builtin_shufflevector(x, x, 4, 5, 6, 7);
#if W > 8
    *(FN(quad) *)(row[2] + at) = __builtin_shufflevector(x, x, 8, 9, 10, 11);
    *(FN(quad) *)(row[3] + at) = __builtin_shufflevector(x, x, 12, 13, 14, 15);
#endif
    return;
  }
#endif
#if W > 8
  if (piece == 8) {
    *(FN(octet) *)(row[0] + at) = __builtin_shufflevector(x, x, ALL8);
    *(FN(octet) *)(row[1] + at) = __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15);
    return;
  }
#endif
  FN(store)(row[0] + at, x);
}

// x[j] <- block 4g + j of W / m rows side by side, m < W.
INLINE void FN(gather)(FN(v) *x, float *const *row, size_t m, size_t g) {
  if (2 * m == W) {
    UNROLL for (int c = 0; c < 4; c++) x[c] = FN(load)(row[c & 1] + 4 * g * m + (c >> 1) * W);
    FN(exchange)(x, x + 1, m);
    FN(exchange)(x + 2, x + 3, m);
  } else {
    UNROLL for (int c = 0; c < 4; c++) x[c] = FN(load_pieces)(row + c * (W / (4 * m)), 4 * g * m, 4 * m);
    FN(exchange)(x, x + 1, m);
    FN(exchange)(x + 2, x + 3, m);
    FN(exchange)(x, x + 2, 2 * m);
    FN(exchange)(x + 1, x + 3, 2 * m);
  }
}

// The inverse of gather.
INLINE void FN(scatter)(FN(v) *x, float *const *row, size_t m, size_t g) {
  FN(exchange)(x, x + 1, m);
  FN(exchange)(x + 2, x + 3, m);
  if (2 * m == W) {
    UNROLL for (int c = 0; c < 4; c++) FN(store)(row[c & 1] + 4 * g * m + (c >> 1) * W, x[c]);
  } else {
    FN(exchange)(x, x + 2, 2 * m);
    FN(exchange)(x + 1, x + 3, 2 * m);
    UNROLL for (int c = 0; c < 4; c++) FN(store_pieces)(row + c * (W / (4 * m)), 4 * g * m, 4 * m, x[c]);
  }
}

// The signed sum of four blocks that a code stands for, and its addition to what is there.
static const float FN(sign)[2] = {1, -1};
INLINE void FN(term)(FN(v) *acc, const float *sums, int count, uint8_t code) {
  const float *q = sums + (code & 7) * (size_t)count * W;
  UNROLL for (int v = 0; v < count; v++) acc[v] = FN(load)(q + v * W) * FN(sign)[code >> 3];
}
INLINE void FN(add_term)(FN(v) *acc, const float *sums, int count, uint8_t code) {
  const float *q = sums + (code & 7) * (size_t)count * W;
  const FN(v) s = FN(sign)[code >> 3];
  UNROLL for (int v = 0; v < count; v++) acc[v] = FN(load)(q + v * W) * s + acc[v];
}

// Transforms and mixes a tile of `count` vectors of columns. m < W: vector v holds rows row[v·W/m] ... ; otherwise
// row[v] is where vector v of block 0 starts, and blocks lie m apart. `levels` are the levels still to do inside a block.
// The sums of a batch of groups stay in the L1 cache; scratch: SUMS floats for them, k · count · W for results.
INLINE void FN(mix_tile)(float *const *row, int count, size_t k, size_t m, size_t blocks, int lane_levels, int levels,
                         const uint8_t *codes, float scale, float *scratch) {
  const size_t width = (size_t)count * W, groups = k / 4, most = SUMS / (8 * width);
  const size_t batches = (groups + most - 1) / most, batch = (groups + batches - 1) / batches;
  float *sums = scratch, *results = scratch + SUMS;
  for (size_t start = 0; start < groups; start += batch) {
    const size_t end = start + batch < groups ? start + batch : groups;
    for (size_t g = start; g < end; g++) {
      FN(v) x[4][COUNT];
      UNROLL for (int v = 0; v < count; v++) {
        FN(v) y[4];
        if (m < W) FN(gather)(y, row + v * (W / m), m, g);
        else UNROLL for (int j = 0; j < 4; j++) y[j] = FN(load)(row[v] + (4 * g + j) * blocks);
        UNROLL for (int j = 0; j < 4; j++) x[j][v] = FN(lanes)(y[j], lane_levels);
      }
      UNROLL for (int j = 0; j < 4; j++) FN(across)(x[j], count, levels);
      UNROLL for (int v = 0; v < count; v++) {
        float *q = sums + 8 * (g - start) * width + v * W;
        FN(v) a[2] = {x[0][v] + x[1][v], x[0][v] - x[1][v]}, b[2] = {x[2][v] + x[3][v], x[2][v] - x[3][v]};
        UNROLL for (int c = 0; c < 8; c++)
          FN(store)(q + c * width, c & 2 ? a[c & 1] - b[c >> 2] : a[c & 1] + b[c >> 2]);
      }
    }
    for (size_t i = 0; i < k; i += 4) {
      const uint8_t *code = codes + i * groups;
      FN(v) acc[4][COUNT];
      UNROLL for (int l = 0; l < 4; l++) FN(term)(acc[l], sums, count, code[l * groups + start]);
      if (start > 0)
        UNROLL for (int l = 0; l < 4; l++)
          UNROLL for (int v = 0; v < count; v++) acc[l][v] += FN(load)(results + (i + l) * width + v * W);
      const float *q = sums + 8 * width;
      for (size_t g = start + 1; g < end; g++, q += 8 * width)
        UNROLL for (int l = 0; l < 4; l++) FN(add_term)(acc[l], q, count, code[l * groups + g]);
      if (end < groups)
        UNROLL for (int l = 0; l < 4; l++)
          UNROLL for (int v = 0; v < count; v++) FN(store)(results + (i + l) * width + v * W, acc[l][v]);
      else
        UNROLL for (int v = 0; v < count; v++) {
          FN(v) y[4] = {acc[0][v] * scale, acc[1][v] * scale, acc[2][v] * scale, acc[3][v] * scale};
          if (m < W) FN(scatter)(y, row + v * (W / m), m, i / 4);
          else UNROLL for (int l = 0; l < 4; l++) FN(store)(row[v] + (i + l) * blocks, y[l]);
        }
    }
  }
}

// Rows whose blocks are longer than a tile.
static void FN(mix_long)(float *x, size_t rows, size_t k, size_t m, const uint8_t *codes, float scale, float *scratch) {
  for (size_t r = 0; r < rows; r++) {
    float *p = x + r * k * m;
    FN(walsh_fwht_rows)(p, k, m, 1);
    for (size_t c = 0; c < m; c += COUNT * W) {
      float *at[COUNT];
      UNROLL for (int v = 0; v < COUNT; v++) at[v] = p + c + v * W;
      FN(mix_tile)(at, COUNT, k, W, m, 0, 0, codes, scale, scratch);
    }
  }
}

// Rows whose blocks hold `vectors` = 2^levels vectors, at most COUNT: a tile holds one row or several.
INLINE void FN(mix_few)(float *x, size_t rows, size_t k, int levels, const uint8_t *codes, float scale,
                        float *scratch) {
  const size_t vectors = (size_t)1 << levels, m = vectors * W, step = COUNT / vectors;
  size_t r = 0;
  for (; r + step <= rows; r += step) {
    float *at[COUNT];
    UNROLL for (size_t v = 0; v < COUNT; v++) at[v] = x + (r + v / vectors) * k * m + v % vectors * W;
    FN(mix_tile)(at, COUNT, k, W, m, 4, levels, codes, scale, scratch);
  }
  for (; r < rows; r++) {
    float *at[COUNT];
    UNROLL for (size_t v = 0; v < vectors; v++) at[v] = x + r * k * m + v * W;
    FN(mix_tile)(at, vectors, k, W, m, 4, levels, codes, scale, scratch);
  }
}

// Rows whose blocks, of m = 2^levels floats, are shorter than a vector. Where rows are missing from a tile the last one
// takes their place: it is read before anything is written, and its copies write equal values.
INLINE void FN(mix_short)(float *x, size_t rows, size_t k, int levels, const uint8_t *codes, float scale,
                          float *scratch) {
  const size_t m = (size_t)1 << levels, step = COUNT * W / m;
  float *row[COUNT * W];
  for (size_t r = 0; r < rows; r += step) {
    const size_t left = rows - r;
    for (size_t t = 0; t < step; t++) row[t] = x + (r + (t < left ? t : left - 1)) * k * m;
    if (left <= W / m) FN(mix_tile)(row, 1, k, m, 0, levels, 0, codes, scale, scratch);
    else FN(mix_tile)(row, COUNT, k, m, 0, levels, 0, codes, scale, scratch);
  }
}

void FN(walsh_hadamard_rows)(float *x, size_t rows, size_t k, size_t m, const uint8_t *codes, float scale,
                             float *scratch) {
  switch (m) {
  case 1: return FN(mix_short)(x, rows, k, 0, codes, scale, scratch);
  case 2: return FN(mix_short)(x, rows, k, 1, codes, scale, scratch);
#if W >= 8
  case 4: return FN(mix_short)(x, rows, k, 2, codes, scale, scratch);
#endif
#if W >= 16
  case 8: return FN(mix_short)(x, rows, k, 3, codes, scale, scratch);
#endif
  case W: return FN(mix_few)(x, rows, k, 0, codes, scale, scratch);
  case 2 * W: return FN(mix_few)(x, rows, k, 1, codes, scale, scratch);
#if COUNT >= 4
  case 4 * W: return FN(mix_few)(x, rows, k, 2, codes, scale, scratch);
#endif
  default: return FN(mix_long)(x, rows, k, m, codes, scale, scratch);
  }
}
