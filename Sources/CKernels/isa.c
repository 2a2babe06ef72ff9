#include "include/isa.h"

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
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
  // Every Mac with an Arm processor has dot products, those from the M2 on matrix products.
  int has = 0;
  size_t size = sizeof has;
  if (sysctlbyname("hw.optional.arm.FEAT_I8MM", &has, &size, NULL, 0) == 0 && has) return WALSH_ISA_I8MM;
  return WALSH_ISA_DOTPROD;
#elif defined(__aarch64__) && defined(__linux__)
  if (getauxval(AT_HWCAP) & 1 << 20) {  // HWCAP_ASIMDDP
    return getauxval(AT_HWCAP2) & 1 << 13 /* HWCAP2_I8MM */ ? WALSH_ISA_I8MM : WALSH_ISA_DOTPROD;
  }
#endif
  return WALSH_ISA_BASE;
}
