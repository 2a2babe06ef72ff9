#define FN(x) x##_base
#include "activations_impl.h"
