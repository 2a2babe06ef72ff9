// interleaved.h with AVX-512: vpermb decodes 64 codes at a time, vpdpbusd multiplies them.
#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni,avx2,fma"))), apply_to = function)
#define FN(x) x##_avx512
#include "interleaved_impl.h"

// Sixteen scales as floats.
INLINE __m512 scales_avx512(int kind, const uint8_t *p) {
  if (kind == WALSH_SCALES_FLOAT) return _mm512_loadu_ps(p);
  __m128i bytes = _mm_loadu_si128((const __m128i *)p);
  if (kind == WALSH_SCALES_E8M0) {
    // As an exponent byte 0 looks like zero and byte 255 like infinity; they are 2^-127 and NaN.
    __m512 v = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu8_epi32(bytes), 23));
    return _mm512_fixupimm_ps(_mm512_set1_ps(0x1p-127f), v, _mm512_set1_epi32(0x11311011), 0);
  }
  // Sign, exponent and mantissa where Float32 has them, 120 binades too low.
  __m512i v = _mm512_and_si512(_mm512_slli_epi32(_mm512_cvtepi8_epi32(bytes), 20), _mm512_set1_epi32((int)0x87f00000));
  __mmask16 nan = _mm_cmpeq_epi8_mask(_mm_and_si128(bytes, _mm_set1_epi8(127)), _mm_set1_epi8(127));
  return _mm512_mask_mov_ps(_mm512_mul_ps(_mm512_castsi512_ps(v), _mm512_set1_ps(0x1p120f)), nan,
                            _mm512_set1_ps(__builtin_nanf("")));
}

// The integer sums of `T` rows from `first` on, of a tile `width` wide, with V vectors of codes.
INLINE void dot_avx512(const int T, const int V, size_t width, size_t first, const uint8_t *codes, const int *x,
                       __m512i table, __m512i *s) {
  // A single row would wait for its own sum: it has a second one.
  __m512i other = _mm512_setzero_si512();
  UNROLL for (int v = 0; v < V; v++) {
    const int *q = x + 2 * v * width + first;
    __m512i c = _mm512_loadu_si512(codes + 64 * v);
    __m512i low = _mm512_permutexvar_epi8(c, table);
    __m512i high = _mm512_permutexvar_epi8(_mm512_srli_epi16(c, 4), table);
    // With few rows codes come from memory, faster than the processor foresees. More work for each needs more foresight.
    if (T == 1) _mm_prefetch((const char *)codes + 64 * v + 6144, _MM_HINT_T0);
    else if (T <= 4) _mm_prefetch((const char *)codes + 64 * v + 16384, _MM_HINT_T1);
    UNROLL for (int t = 0; t < T; t++) s[t] = _mm512_dpbusd_epi32(s[t], low, _mm512_set1_epi32(q[t]));
    UNROLL for (int t = 0; t < T; t++) {
      if (T == 1) other = _mm512_dpbusd_epi32(other, high, _mm512_set1_epi32(q[width + t]));
      else s[t] = _mm512_dpbusd_epi32(s[t], high, _mm512_set1_epi32(q[width + t]));
    }
  }
  if (T == 1) s[0] = _mm512_add_epi32(s[0], other);
}

// The sums of `T` rows from `first` on. V vectors of codes are taken at a time, of which a group of x has a multiple;
// P groups of x meet the Float32 sums together. Those stay in memory where T is large, else in registers. With E4M3 scales a
// group is 16 columns on both sides.
INLINE void body_avx512(const int T, const int V, const int P, const int kind, size_t width, size_t first,
                        const operands_avx512 *o, float *sums) {
  const __m512i table = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)biased_avx512[o->elements]));
  const uint8_t *codes = o->codes, *scales = o->scales;
  const int *x = (const int *)o->x;
  const size_t groups = o->groups, shared = kind == WALSH_SCALES_E4M3 ? 1 : o->shared;
  const size_t spans = kind == WALSH_SCALES_E4M3 ? 1 : o->vectors / V;
  __m512 local[12];
  sums += 16 * first;
  UNROLL for (int t = 0; t < T; t++) {
    if (T <= 12) local[t] = _mm512_setzero_ps();
    else _mm512_store_ps(sums + 16 * t, _mm512_setzero_ps());
  }
  for (size_t g = 0; g < groups; g += P) {
    __m512 ws[2];
    UNROLL for (int p = 0; p < P; p++) {
      ws[p] = scales_avx512(kind, scales);
      scales += kind == WALSH_SCALES_FLOAT ? 64 : 16;
    }
    for (size_t m = 0; m < shared; m++) {
      __m512i s[2][WALSH_TILE_ROWS];
      const int *header[2];
      UNROLL for (int p = 0; p < P; p++) {
        header[p] = x;
        UNROLL for (int t = 0; t < T; t++) s[p][t] = _mm512_set1_epi32(x[first + t]);
        x += 2 * width;
        for (size_t i = 0; i < spans; i++) {
          dot_avx512(T, V, width, first, codes, x, table, s[p]);
          codes += 64 * V;
          x += 2 * width * V;
        }
      }
      UNROLL for (int t = 0; t < T; t++) {
        __m512 sum = T <= 12 ? local[t] : _mm512_load_ps(sums + 16 * t);
        UNROLL for (int p = 0; p < P; p++) {
          __m512 scale = _mm512_mul_ps(ws[p], _mm512_set1_ps(((const float *)header[p])[width + first + t]));
          sum = _mm512_add_ps(sum, _mm512_mul_ps(_mm512_cvtepi32_ps(s[p][t]), scale));
        }
        if (T <= 12) local[t] = sum;
        else _mm512_store_ps(sums + 16 * t, sum);
      }
    }
  }
  if (T <= 12) UNROLL for (int t = 0; t < T; t++) _mm512_store_ps(sums + 16 * t, local[t]);
}

INLINE void any_avx512(const int T, size_t width, size_t first, const operands_avx512 *o, float *sums) {
  if (o->scale_kind == WALSH_SCALES_E8M0) body_avx512(T, 4, 1, WALSH_SCALES_E8M0, width, first, o, sums);
  else if (o->scale_kind == WALSH_SCALES_FLOAT) body_avx512(T, 4, 1, WALSH_SCALES_FLOAT, width, first, o, sums);
  else body_avx512(T, 2, 2, WALSH_SCALES_E4M3, width, first, o, sums);
}

// One function a number of rows, so that each has the registers to itself.
#define ROWS(T)                                                                                                      \
  static __attribute__((noinline)) void rows##T##_avx512(size_t width, size_t first, const operands_avx512 *o,       \
                                                         float *sums) {                                              \
    any_avx512(T, width, first, o, sums);                                                                            \
  }
ROWS(1)
ROWS(2)
ROWS(3)
ROWS(4)
ROWS(5)
ROWS(6)
ROWS(7)
ROWS(8)

static __attribute__((noinline)) void single_avx512(const operands_avx512 *o, float *sums) {
  any_avx512(1, 1, 0, o, sums);
}

static __attribute__((noinline)) void widest_avx512(const operands_avx512 *o, float *sums) {
  if (o->scale_kind == WALSH_SCALES_E8M0) body_avx512(24, 4, 1, WALSH_SCALES_E8M0, 24, 0, o, sums);
  else body_avx512(24, 4, 1, WALSH_SCALES_FLOAT, 24, 0, o, sums);
}

// Groups of 16 meet the Float32 sums twice as often: with 24 rows these would go to memory and back each time.
static __attribute__((noinline)) void half_avx512(size_t first, const operands_avx512 *o, float *sums) {
  body_avx512(12, 2, 1, WALSH_SCALES_E4M3, 24, first, o, sums);
}

static void tile_avx512(size_t width, const operands_avx512 *o, float *sums) {
  if (width == 1) return single_avx512(o, sums);
  if (width == 24 && o->scale_kind != WALSH_SCALES_E4M3) return widest_avx512(o, sums);
  if (width == 24) {
    half_avx512(0, o, sums);
    return half_avx512(12, o, sums);
  }
  for (size_t first = 0; first < width; first += 8) {
    switch (width - first) {
    case 1: rows1_avx512(width, first, o, sums); break;
    case 2: rows2_avx512(width, first, o, sums); break;
    case 3: rows3_avx512(width, first, o, sums); break;
    case 4: rows4_avx512(width, first, o, sums); break;
    case 5: rows5_avx512(width, first, o, sums); break;
    case 6: rows6_avx512(width, first, o, sums); break;
    case 7: rows7_avx512(width, first, o, sums); break;
    default: rows8_avx512(width, first, o, sums);
    }
  }
}
#pragma clang attribute pop
#endif
