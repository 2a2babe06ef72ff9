#define FN(x) x##_base
#include "selective_scan_impl.h"
