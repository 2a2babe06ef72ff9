#define FN(x) x##_base
#include "causal_convolution_impl.h"
