#define W 4
#define FN(x) x##_base
#include "quantize_impl.h"
