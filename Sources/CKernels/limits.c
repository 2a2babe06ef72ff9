#include "include/limits.h"

#include "include/isa.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

typedef uint64_t words __attribute__((ext_vector_type(8), aligned(8)));

uint64_t walsh_read(const void *bytes, size_t count) {
  const words *p = bytes;
  words a = 0, b = 0, c = 0, d = 0;
  for (size_t i = 0; i + 4 <= count / 64; i += 4) a ^= p[i], b ^= p[i + 1], c ^= p[i + 2], d ^= p[i + 3];
  return __builtin_reduce_xor(a ^ b ^ c ^ d);
}

// Twelve sums, and operands that the compiler cannot know.
#define BUSY(vector, operation)                                                                                      \
  vector s[12];                                                                                                      \
  for (int i = 0; i < 12; i++) __asm__ volatile("" : REGISTER_OUT(s[i]));                                            \
  for (size_t n = 0; n < count; n += 12) {                                                                           \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < 12; i++) s[i] = operation;                                \
  }                                                                                                                  \
  for (int i = 0; i < 12; i++) __asm__ volatile("" : : REGISTER(s[i]))

#define REGISTER(x) "v"(x)
#define REGISTER_OUT(x) "=v"(x)

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512vnni"))) static uint64_t dots_avx512(size_t count, const void *operands) {
  __m512i x = _mm512_loadu_si512(operands);
  BUSY(__m512i, _mm512_dpbusd_epi32(s[i], x, x));
  return (count + 11) / 12 * 12 * 128;
}

#undef REGISTER
#undef REGISTER_OUT
#define REGISTER(x) "x"(x)
#define REGISTER_OUT(x) "=x"(x)
__attribute__((target("avx2"))) static uint64_t dots_avx2(size_t count, const void *operands) {
  __m256i x = _mm256_loadu_si256(operands);
  BUSY(__m256i, _mm256_maddubs_epi16(s[i], x));
  return (count + 11) / 12 * 12 * 64;
}
#elif defined(__aarch64__)
#undef REGISTER
#undef REGISTER_OUT
#define REGISTER(x) "w"(x)
#define REGISTER_OUT(x) "=w"(x)
__attribute__((target("dotprod"))) static uint64_t dots_dotprod(size_t count, const void *operands) {
  int8x16_t x = vld1q_s8(operands);
  BUSY(int32x4_t, vdotq_s32(s[i], x, x));
  return (count + 11) / 12 * 12 * 32;
}
__attribute__((target("i8mm"))) static uint64_t dots_i8mm(size_t count, const void *operands) {
  int8x16_t x = vld1q_s8(operands);
  BUSY(int32x4_t, vmmlaq_s32(s[i], x, x));
  return (count + 11) / 12 * 12 * 64;
}
#endif

uint64_t walsh_integer_dots(int isa, size_t count) {
  static const int8_t operands[64] = {1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47};
#if defined(__x86_64__)
  if (isa == WALSH_ISA_AVX512) return dots_avx512(count, operands);
  if (isa == WALSH_ISA_AVX2) return dots_avx2(count, operands);
#elif defined(__aarch64__)
  if (isa == WALSH_ISA_I8MM) return dots_i8mm(count, operands);
  if (isa == WALSH_ISA_DOTPROD) return dots_dotprod(count, operands);
#endif
  (void)operands;
  (void)isa;
  (void)count;
  return 0;
}
