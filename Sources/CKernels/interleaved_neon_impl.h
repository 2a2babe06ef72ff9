// What the NEON versions of interleaved.h share: scales, and the sums of any number of rows by sdot. A panel is four quarters
// of four rows. The including file defines FN(name) and includes interleaved_impl.h first.
// Four scales as floats.
INLINE float32x4_t FN(scales)(int kind, const uint8_t *p) {
  if (kind == WALSH_SCALES_FLOAT) return vreinterpretq_f32_u8(vld1q_u8(p));
  uint32_t word;
  __builtin_memcpy(&word, p, 4);
  uint32x4_t b = vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(word))));
  const float32x4_t nan = vdupq_n_f32(__builtin_nanf(""));
  if (kind == WALSH_SCALES_E8M0) {
    uint32x4_t v = vmaxq_u32(vshlq_n_u32(b, 23), vdupq_n_u32(1 << 22));
    return vbslq_f32(vceqq_u32(b, vdupq_n_u32(255)), nan, vreinterpretq_f32_u32(v));
  }
  // Sign, exponent and mantissa where Float32 has them, 120 binades too low.
  uint32x4_t magnitude = vandq_u32(b, vdupq_n_u32(127));
  uint32x4_t v = vorrq_u32(vshlq_n_u32(vandq_u32(b, vdupq_n_u32(128)), 24), vshlq_n_u32(magnitude, 20));
  return vbslq_f32(vceqq_u32(magnitude, vdupq_n_u32(127)), nan,
                   vmulq_n_f32(vreinterpretq_f32_u32(v), 0x1p120f));
}

// The sums of `T` rows from `first` on with all sixteen rows of the panel.
INLINE void FN(body)(const int T, size_t width, size_t first, const FN(operands) *o, float *sums) {
  // sdot is signed: the codes need no bias, and sums start at zero.
  const int8x16_t table = vsubq_s8(vreinterpretq_s8_u8(vld1q_u8(FN(biased)[o->elements])), vdupq_n_s8(12));
  const size_t step = FN(scale_bytes)(o->scale_kind);
  const uint8_t *codes = o->codes, *scales = o->scales, *x = o->x;
  sums += 16 * first;
  UNROLL for (int t = 0; t < T; t++) UNROLL for (int q = 0; q < 4; q++)
    vst1q_f32(sums + 16 * t + 4 * q, vdupq_n_f32(0));
  for (size_t g = 0; g < o->groups; g++, scales += step) {
    float32x4_t ws[4];
    UNROLL for (int q = 0; q < 4; q++) ws[q] = FN(scales)(o->scale_kind, scales + step / 4 * q);
    for (size_t m = 0; m < o->shared; m++) {
      const float *header = (const float *)x + width + first;
      int32x4_t s[4][4];
      UNROLL for (int t = 0; t < T; t++) UNROLL for (int q = 0; q < 4; q++) s[t][q] = vdupq_n_s32(0);
      x += 8 * width;
      for (size_t v = 0; v < o->vectors; v++, codes += 64, x += 8 * width) {
        int8x16_t low[4], high[4];
        UNROLL for (int q = 0; q < 4; q++) {
          uint8x16_t c = vld1q_u8(codes + 16 * q);
          low[q] = vqtbl1q_s8(table, vandq_u8(c, vdupq_n_u8(15)));
          high[q] = vqtbl1q_s8(table, vshrq_n_u8(c, 4));
        }
        UNROLL for (int t = 0; t < T; t++) {
          const int32_t *a = (const int32_t *)x + first + t;
          int8x16_t even = vreinterpretq_s8_s32(vdupq_n_s32(a[0])), odd = vreinterpretq_s8_s32(vdupq_n_s32(a[width]));
          UNROLL for (int q = 0; q < 4; q++) s[t][q] = vdotq_s32(vdotq_s32(s[t][q], low[q], even), high[q], odd);
        }
      }
      UNROLL for (int t = 0; t < T; t++) UNROLL for (int q = 0; q < 4; q++) {
        float *sum = sums + 16 * t + 4 * q;
        float32x4_t d = vmulq_f32(vcvtq_f32_s32(s[t][q]), vmulq_n_f32(ws[q], header[t]));
        vst1q_f32(sum, vaddq_f32(vld1q_f32(sum), d));
      }
    }
  }
}
