#include "include/isa.h"

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

int walsh_isa(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni") &&
      __builtin_cpu_supports("avx512bf16"))
    return WALSH_ISA_AVX512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c"))
    return WALSH_ISA_AVX2;
#elif defined(__aarch64__) && defined(__APPLE__)
  return WALSH_ISA_DOTPROD;  // every Mac with an Arm processor
#elif defined(__aarch64__) && defined(__linux__)
  if (getauxval(AT_HWCAP) & 1 << 20) return WALSH_ISA_DOTPROD;  // HWCAP_ASIMDDP
#endif
  return WALSH_ISA_BASE;
}
