#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define FN(x) x##_avx2
#include "causal_convolution_impl.h"
#pragma clang attribute pop
#endif
