// Chooses the instruction set of the kernels of attention.h.
#include "include/attention.h"

#include "dispatch.h"

#define DECLARE(suffix)                                                                                              \
  void walsh_attend_##suffix(const walsh_attention *, const float *, size_t, const float *, size_t, const int32_t *, \
                             const int32_t *, size_t);                                                               \
  void walsh_combine_spans_##suffix(const float *, size_t, size_t, size_t, size_t, size_t, float *, size_t);         \
  void walsh_decode_rows_##suffix(const walsh_code_rows *, size_t, size_t, float *);

DECLARE(base)
#if defined(__x86_64__)
DECLARE(avx2)
DECLARE(avx512)
#endif

void walsh_attend(int isa, const walsh_attention *state, const float *keys, size_t key_stride, const float *values,
                  size_t value_stride, const int32_t *lows, const int32_t *highs, size_t positions) {
  CALL(walsh_attend, state, keys, key_stride, values, value_stride, lows, highs, positions);
}

void walsh_combine_spans(int isa, const float *states, size_t spans, size_t state_stride, size_t rows, size_t d,
                         size_t group, float *y, size_t stride) {
  CALL(walsh_combine_spans, states, spans, state_stride, rows, d, group, y, stride);
}

void walsh_decode_rows(int isa, const walsh_code_rows *source, size_t rows, size_t columns, float *y) {
  CALL(walsh_decode_rows, source, rows, columns, y);
}
