#define W 4
#define FN(x) x##_base
#include "quantize_rows_impl.h"
