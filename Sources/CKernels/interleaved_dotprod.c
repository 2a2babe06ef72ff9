// interleaved.h with the dot products of Armv8.4: tbl decodes 16 codes at a time, sdot multiplies them.
#if defined(__aarch64__)
#include <arm_neon.h>
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#define FN(x) x##_dotprod
#include "interleaved_impl.h"

#include "interleaved_neon_impl.h"

#define ROWS(T)                                                                                                      \
  static __attribute__((noinline)) void rows##T##_dotprod(size_t width, size_t first, const operands_dotprod *o,     \
                                                          float *sums) {                                             \
    body_dotprod(T, width, first, o, sums);                                                                          \
  }
ROWS(1)
ROWS(2)
ROWS(3)

static void tile_dotprod(size_t width, const operands_dotprod *o, float *sums) {
  for (size_t first = 0; first < width; first += 3) {
    switch (width - first) {
    case 1: rows1_dotprod(width, first, o, sums); break;
    case 2: rows2_dotprod(width, first, o, sums); break;
    default: rows3_dotprod(width, first, o, sums);
    }
  }
}
#pragma clang attribute pop
#endif
