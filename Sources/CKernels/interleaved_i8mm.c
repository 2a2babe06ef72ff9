// interleaved.h with the matrix products of Armv8.6: smmla multiplies two rows of the panel by two of x, eight columns at a
// time. A row of x that is left alone is multiplied by sdot.
#if defined(__aarch64__)
#include <arm_neon.h>
#pragma clang attribute push(__attribute__((target("dotprod,i8mm"))), apply_to = function)
#define FN(x) x##_i8mm
#include "interleaved_impl.h"
#include "interleaved_neon_impl.h"

// The sums of P pairs of rows from `first` on with all sixteen rows of the panel.
INLINE void pairs_i8mm(const int P, size_t width, size_t first, const operands_i8mm *o, float *sums) {
  const int8x16_t table = vsubq_s8(vreinterpretq_s8_u8(vld1q_u8(biased_i8mm[o->elements])), vdupq_n_s8(12));
  const size_t step = scale_bytes_i8mm(o->scale_kind);
  const uint8_t *codes = o->codes, *scales = o->scales, *x = o->x;
  sums += 16 * first;
  UNROLL for (int t = 0; t < 2 * P; t++) UNROLL for (int q = 0; q < 4; q++)
    vst1q_f32(sums + 16 * t + 4 * q, vdupq_n_f32(0));
  for (size_t g = 0; g < o->groups; g++, scales += step) {
    float32x4_t ws[4];
    UNROLL for (int q = 0; q < 4; q++) ws[q] = scales_i8mm(o->scale_kind, scales + step / 4 * q);
    for (size_t m = 0; m < o->shared; m++) {
      const float *header = (const float *)x + width + first;
      // s[p][2q] has the rows 0 and 1 of quarter q: row 0 by both rows of the pair, then row 1; s[p][2q + 1] rows 2 and 3.
      int32x4_t s[2][8];
      UNROLL for (int p = 0; p < P; p++) UNROLL for (int i = 0; i < 8; i++) s[p][i] = vdupq_n_s32(0);
      x += 8 * width;
      for (size_t v = 0; v < o->vectors; v++, codes += 64, x += 8 * width) {
        int8x16_t pair[2];
        UNROLL for (int p = 0; p < P; p++) {
          const int32_t *a = (const int32_t *)x + first + 2 * p;
          pair[p] = vreinterpretq_s8_s32(vzip1q_s32(vcombine_s32(vld1_s32(a), vdup_n_s32(0)),
                                                    vcombine_s32(vld1_s32(a + width), vdup_n_s32(0))));
        }
        UNROLL for (int q = 0; q < 4; q++) {
          uint8x16_t c = vld1q_u8(codes + 16 * q);
          int32x4_t low = vreinterpretq_s32_s8(vqtbl1q_s8(table, vandq_u8(c, vdupq_n_u8(15))));
          int32x4_t high = vreinterpretq_s32_s8(vqtbl1q_s8(table, vshrq_n_u8(c, 4)));
          int8x16_t front = vreinterpretq_s8_s32(vzip1q_s32(low, high));
          int8x16_t back = vreinterpretq_s8_s32(vzip2q_s32(low, high));
          UNROLL for (int p = 0; p < P; p++) {
            s[p][2 * q] = vmmlaq_s32(s[p][2 * q], front, pair[p]);
            s[p][2 * q + 1] = vmmlaq_s32(s[p][2 * q + 1], back, pair[p]);
          }
        }
      }
      UNROLL for (int t = 0; t < 2 * P; t++) UNROLL for (int q = 0; q < 4; q++) {
        const int32x4_t *own = s[t / 2] + 2 * q;
        int32x4_t total = t % 2 == 0 ? vuzp1q_s32(own[0], own[1]) : vuzp2q_s32(own[0], own[1]);
        float *sum = sums + 16 * t + 4 * q;
        float32x4_t d = vmulq_f32(vcvtq_f32_s32(total), vmulq_n_f32(ws[q], header[t]));
        vst1q_f32(sum, vaddq_f32(vld1q_f32(sum), d));
      }
    }
  }
}

static __attribute__((noinline)) void rows1_i8mm(size_t width, size_t first, const operands_i8mm *o, float *sums) {
  body_i8mm(1, width, first, o, sums);
}
static __attribute__((noinline)) void rows2_i8mm(size_t width, size_t first, const operands_i8mm *o, float *sums) {
  pairs_i8mm(1, width, first, o, sums);
}
static __attribute__((noinline)) void rows4_i8mm(size_t width, size_t first, const operands_i8mm *o, float *sums) {
  pairs_i8mm(2, width, first, o, sums);
}

static void tile_i8mm(size_t width, const operands_i8mm *o, float *sums) {
  size_t first = 0;
  for (; first + 4 <= width; first += 4) rows4_i8mm(width, first, o, sums);
  if (first + 2 <= width) rows2_i8mm(width, first, o, sums), first += 2;
  if (first < width) rows1_i8mm(width, first, o, sums);
}
#pragma clang attribute pop
#endif
