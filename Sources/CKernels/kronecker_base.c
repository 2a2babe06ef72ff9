#include "include/kronecker.h"
#define W 4
#define FN(x) x##_base
#include "kronecker_impl.h"
