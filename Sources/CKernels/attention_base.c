#include "include/attention.h"
#define W 4
#define FN(x) x##_base
#include "attention_impl.h"
#include "decode_rows_impl.h"
