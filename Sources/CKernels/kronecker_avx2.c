#if defined(__x86_64__)
#include "include/kronecker.h"
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define W 8
#define FN(x) x##_avx2
#include "kronecker_impl.h"
#pragma clang attribute pop
#endif
