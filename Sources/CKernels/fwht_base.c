// SSE2 on x86-64, NEON on arm64.
#include <stddef.h>
#include <stdint.h>
#include "include/fwht.h"
#define W 4
#define R 8
#define FN(x) x##_base
#include "fwht_impl.h"
#include "fwht_mix_impl.h"
