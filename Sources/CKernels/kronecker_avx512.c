#if defined(__x86_64__)
#include "include/kronecker.h"
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), apply_to = function)
#define W 16
#define FN(x) x##_avx512
#include "kronecker_impl.h"
#pragma clang attribute pop
#endif
