#if defined(__x86_64__)
#include <stddef.h>
#include <stdint.h>
#include "include/fwht.h"
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), apply_to = function)
#define W 16
#define R 16
#define FN(x) x##_avx512
#include "fwht_impl.h"
#include "fwht_mix_impl.h"
#pragma clang attribute pop
#endif
