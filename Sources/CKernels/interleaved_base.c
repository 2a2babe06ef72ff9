// interleaved.h in plain C: the reference of the other instruction sets.
#define FN(x) x##_base
#include "interleaved_impl.h"

#include <string.h>

static float scale_base(int kind, const uint8_t *p, size_t r) {
  uint32_t bits;
  if (kind == WALSH_SCALES_FLOAT) {
    memcpy(&bits, p + 4 * r, 4);
  } else if (kind == WALSH_SCALES_E8M0) {
    bits = p[r] == 0 ? 1u << 22 : p[r] == 255 ? 0x7fc00000 : (uint32_t)p[r] << 23;
  } else {
    bits = (uint32_t)(p[r] & 128) << 24 | (uint32_t)(p[r] & 127) << 20;
    float low;
    memcpy(&low, &bits, 4);
    return (p[r] & 127) == 127 ? __builtin_nanf("") : low * 0x1p120f;
  }
  float scale;
  memcpy(&scale, &bits, 4);
  return scale;
}

static void tile_base(size_t width, const operands_base *o, float *sums) {
  const uint8_t *table = biased_base[o->elements];
  const uint8_t *codes = o->codes, *scales = o->scales, *x = o->x;
  memset(sums, 0, width * 64);
  for (size_t g = 0; g < o->groups; g++, scales += scale_bytes_base(o->scale_kind)) {
    float ws[16];
    for (size_t r = 0; r < 16; r++) ws[r] = scale_base(o->scale_kind, scales, r);
    for (size_t m = 0; m < o->shared; m++) {
      const uint8_t *header = x;
      int32_t totals[WALSH_TILE_ROWS][16];
      for (size_t t = 0; t < width; t++) {
        int32_t start;
        memcpy(&start, header + 4 * t, 4);
        for (size_t r = 0; r < 16; r++) totals[t][r] = start;
      }
      x += 8 * width;
      for (size_t v = 0; v < o->vectors; v++, codes += 64) {
        int16_t w[2][4][16];
        for (size_t r = 0; r < 16; r++)
          for (size_t j = 0; j < 4; j++) {
            w[0][j][r] = table[codes[4 * r + j] & 15];
            w[1][j][r] = table[codes[4 * r + j] >> 4];
          }
        for (size_t half = 0; half < 2; half++)
          for (size_t t = 0; t < width; t++, x += 4) {
            const int8_t *a = (const int8_t *)x;
            for (size_t r = 0; r < 16; r++)
              totals[t][r] += w[half][0][r] * a[0] + w[half][1][r] * a[1] + w[half][2][r] * a[2] + w[half][3][r] * a[3];
          }
      }
      for (size_t t = 0; t < width; t++) {
        float xs;
        memcpy(&xs, header + 4 * (width + t), 4);
        for (size_t r = 0; r < 16; r++) sums[16 * t + r] += (float)totals[t][r] * (ws[r] * xs);
      }
    }
  }
}
