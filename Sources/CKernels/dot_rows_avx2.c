#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define W 8
#define FN(x) x##_avx2
#include "dot_rows_impl.h"
#pragma clang attribute pop
#endif
