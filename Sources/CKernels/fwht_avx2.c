#if defined(__x86_64__)
#include <stddef.h>
#include <stdint.h>
#include "include/fwht.h"
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define W 8
#define R 8
#define FN(x) x##_avx2
#include "fwht_impl.h"
#include "fwht_mix_impl.h"
#pragma clang attribute pop
#endif
