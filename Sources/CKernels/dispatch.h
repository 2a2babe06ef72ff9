// Calls the version of a kernel for the instruction set `isa`, a variable in scope: name_base, name_avx2 or name_avx512.
#pragma once

#include "include/isa.h"

#if defined(__x86_64__)
#define CALL(name, ...)                                                                                              \
  (isa >= WALSH_ISA_AVX512 ? name##_avx512(__VA_ARGS__)                                                              \
   : isa == WALSH_ISA_AVX2 ? name##_avx2(__VA_ARGS__)                                                                \
                           : name##_base(__VA_ARGS__))
#else
#define CALL(name, ...) ((void)isa, name##_base(__VA_ARGS__))
#endif
