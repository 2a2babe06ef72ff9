// interleaved.h with AVX2: vpshufb decodes 32 codes at a time, vpmaddubsw multiplies them. A panel is two halves of eight
// rows.
#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define FN(x) x##_avx2
#include "interleaved_impl.h"

// Eight scales as floats.
INLINE __m256 scales_avx2(int kind, const uint8_t *p) {
  if (kind == WALSH_SCALES_FLOAT) return _mm256_loadu_ps((const float *)p);
  __m128i bytes = _mm_loadl_epi64((const __m128i *)p);
  const __m256 nan = _mm256_set1_ps(__builtin_nanf(""));
  if (kind == WALSH_SCALES_E8M0) {
    __m256i b = _mm256_cvtepu8_epi32(bytes);
    __m256i v = _mm256_max_epu32(_mm256_slli_epi32(b, 23), _mm256_set1_epi32(1 << 22));
    return _mm256_blendv_ps(_mm256_castsi256_ps(v), nan,
                            _mm256_castsi256_ps(_mm256_cmpeq_epi32(b, _mm256_set1_epi32(255))));
  }
  // Sign, exponent and mantissa where Float32 has them, 120 binades too low.
  __m256i b = _mm256_cvtepi8_epi32(bytes);
  __m256i v = _mm256_and_si256(_mm256_slli_epi32(b, 20), _mm256_set1_epi32((int)0x87f00000));
  __m256i magnitude = _mm256_and_si256(b, _mm256_set1_epi32(127));
  return _mm256_blendv_ps(_mm256_mul_ps(_mm256_castsi256_ps(v), _mm256_set1_ps(0x1p120f)), nan,
                          _mm256_castsi256_ps(_mm256_cmpeq_epi32(magnitude, _mm256_set1_epi32(127))));
}

// The sums of `T` rows from `first` on with the eight rows of a half.
INLINE void body_avx2(const int T, size_t width, size_t first, size_t half, const operands_avx2 *o, float *sums) {
  const __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)biased_avx2[o->elements]));
  const __m256i mask = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
  const uint8_t *codes = o->codes + 32 * half, *scales = o->scales + scale_bytes_avx2(o->scale_kind) / 2 * half;
  const int *x = (const int *)o->x;
  sums += 16 * first + 8 * half;
  UNROLL for (int t = 0; t < T; t++) _mm256_storeu_ps(sums + 16 * t, _mm256_setzero_ps());
  for (size_t g = 0; g < o->groups; g++, scales += scale_bytes_avx2(o->scale_kind)) {
    const __m256 ws = scales_avx2(o->scale_kind, scales);
    for (size_t m = 0; m < o->shared; m++) {
      const int *header = x + first;
      __m256i s[4];
      UNROLL for (int t = 0; t < T; t++) s[t] = _mm256_set1_epi32(header[t]);
      x += 2 * width;
      for (size_t i = 0; i < o->vectors; i += 2) {
        // Sixteen columns fit 16 bits: eight products of a lane are at most 8 * 24 * 128.
        __m256i words[4];
        UNROLL for (int v = 0; v < 2; v++, codes += 64, x += 2 * width) {
          const int *q = x + first;
          __m256i c = _mm256_loadu_si256((const __m256i *)codes);
          __m256i low = _mm256_shuffle_epi8(table, _mm256_and_si256(c, mask));
          __m256i high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(c, 4), mask));
          UNROLL for (int t = 0; t < T; t++) {
            __m256i a = _mm256_maddubs_epi16(low, _mm256_set1_epi32(q[t]));
            __m256i b = _mm256_maddubs_epi16(high, _mm256_set1_epi32(q[width + t]));
            words[t] = v == 0 ? _mm256_add_epi16(a, b) : _mm256_add_epi16(words[t], _mm256_add_epi16(a, b));
          }
        }
        UNROLL for (int t = 0; t < T; t++) s[t] = _mm256_add_epi32(s[t], _mm256_madd_epi16(words[t], ones));
      }
      UNROLL for (int t = 0; t < T; t++) {
        __m256 scale = _mm256_mul_ps(ws, _mm256_set1_ps(((const float *)header)[width + t]));
        __m256 d = _mm256_mul_ps(_mm256_cvtepi32_ps(s[t]), scale);
        _mm256_storeu_ps(sums + 16 * t, _mm256_add_ps(_mm256_loadu_ps(sums + 16 * t), d));
      }
    }
  }
}

// One function a number of rows, so that each has the registers to itself.
#define ROWS(T)                                                                                                      \
  static __attribute__((noinline)) void rows##T##_avx2(size_t width, size_t first, const operands_avx2 *o,           \
                                                       float *sums) {                                                \
    for (size_t half = 0; half < 2; half++) body_avx2(T, width, first, half, o, sums);                               \
  }
ROWS(1)
ROWS(2)
ROWS(3)
ROWS(4)

static void tile_avx2(size_t width, const operands_avx2 *o, float *sums) {
  for (size_t first = 0; first < width; first += 4) {
    switch (width - first) {
    case 1: rows1_avx2(width, first, o, sums); break;
    case 2: rows2_avx2(width, first, o, sums); break;
    case 3: rows3_avx2(width, first, o, sums); break;
    default: rows4_avx2(width, first, o, sums);
    }
  }
}
#pragma clang attribute pop
#endif
