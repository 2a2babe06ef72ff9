// Chooses the instruction set of the kernels of selective_scan.h.
#include "include/selective_scan.h"

#include "dispatch.h"

#define DECLARE(suffix)                                                                                              \
  void walsh_selective_scan_##suffix(const walsh_scan *, size_t, size_t, float *, float *, float *, size_t);         \
  void walsh_selective_scan_gradients_##suffix(const walsh_scan *, size_t, size_t, const float *, size_t,            \
                                               const float *, const walsh_scan_gradients *);

DECLARE(base)
#if defined(__x86_64__)
DECLARE(avx2)
DECLARE(avx512)
#endif

void walsh_selective_scan(int isa, const walsh_scan *scan, size_t first, size_t count, float *state, float *y,
                          float *boundaries, size_t interval) {
  CALL(walsh_selective_scan, scan, first, count, state, y, boundaries, interval);
}

void walsh_selective_scan_gradients(int isa, const walsh_scan *scan, size_t first, size_t count,
                                    const float *boundaries, size_t interval, const float *g,
                                    const walsh_scan_gradients *gradients) {
  CALL(walsh_selective_scan_gradients, scan, first, count, boundaries, interval, g, gradients);
}
