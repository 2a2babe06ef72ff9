// SSE2 on x86-64, NEON on arm64.
#include <stddef.h>
#include <stdint.h>
#define W 4
#define TOKENS 2
#define FN(x) x##_base
#include "bfloat16_dot_impl.h"
