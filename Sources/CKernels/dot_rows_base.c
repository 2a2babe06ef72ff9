#define W 4
#define FN(x) x##_base
#include "dot_rows_impl.h"
