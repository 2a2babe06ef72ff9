#include "include/straight_through.h"
#define W 4
#define FN(x) x##_base
#include "straight_through_impl.h"
