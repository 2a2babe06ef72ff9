// The part of interleaved.h that all instruction sets share: the loops over tiles and panels. The including file defines
// FN(name), which adds its suffix, and FN(tile), the sums of one tile of x with one panel.
#include <stddef.h>
#include <stdint.h>

#include "include/interleaved.h"

#pragma clang fp contract(off)

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

/// What codes stand for, plus 12: unsigned, as vpdpbusd wants one side.
static const uint8_t FN(biased)[2][16] = {
    {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0},
    {4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19},
};

/// The shape of a tile's sum.
typedef struct {
  const uint8_t *codes, *scales, *x;
  /// Groups that share a weight scale, groups of x in each, and vectors of 64 codes in each of those.
  size_t groups, shared, vectors;
  int elements, scale_kind;
} FN(operands);

/// Adds nothing to `sums`, which need not be zero: writes the sums of `width` rows of x, 16 each.
static void FN(tile)(size_t width, const FN(operands) *o, float *sums);

INLINE size_t FN(scale_bytes)(int kind) { return kind == WALSH_SCALES_FLOAT ? 64 : 16; }

void FN(walsh_multiply_interleaved)(const walsh_interleaved *w, size_t first, size_t panels,
                                    const walsh_quantized_rows *x, float w_divisor, float x_divisor, float *y,
                                    size_t stride) {
  _Alignas(64) float sums[WALSH_TILE_ROWS * 16];
  size_t columns = 32 * w->blocks, groups = columns / w->group;
  size_t row_bytes = columns / x->group * (x->group + 8);
  size_t panel_scales = groups * FN(scale_bytes)(w->scale_kind);
  for (size_t t = 0, width; t < x->rows; t += width) {
    width = x->rows - t < WALSH_TILE_ROWS ? x->rows - t : WALSH_TILE_ROWS;
    for (size_t p = first; p < first + panels; p++) {
      FN(operands) o = {w->codes + p * w->blocks * 256, w->scales + p * panel_scales, x->bytes + t * row_bytes, groups,
                        w->group / x->group, x->group / 8, w->elements, w->scale_kind};
      FN(tile)(width, &o, sums);
      size_t rows = w->rows - 16 * p < 16 ? w->rows - 16 * p : 16;
      for (size_t i = 0; i < width; i += x->digits) {
        float *to = y + (t + i) / x->digits * stride + 16 * p;
        float *s = sums + 16 * i;
        if (x->digits == 3) UNROLL for (size_t r = 0; r < 16; r++) s[r] = s[r] + s[16 + r] + s[32 + r];
        if (w_divisor != 1) UNROLL for (size_t r = 0; r < 16; r++) s[r] /= w_divisor;
        if (x_divisor != 1) UNROLL for (size_t r = 0; r < 16; r++) s[r] /= x_divisor;
        __builtin_memcpy(to, s, rows * sizeof(float));
      }
    }
  }
}
