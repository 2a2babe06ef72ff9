#define W 4
#define FN(x) x##_base
#include "packed_dot_impl.h"
