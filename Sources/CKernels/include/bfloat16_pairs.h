// Products of bfloat16 tokens with a bfloat16 matrix, on the instruction for pairs of them.
#pragma once
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
/// y[t · stride + r] = Σ_c x[t][c] · w[r][c] for `tokens` rows x and `rows` rows w of `columns` values each, contiguous,
/// all of them bfloat16 bits. Sixteen Float32 sums of pairs of products, subnormal numbers taken as zero. The order of a
/// sum depends on `columns` alone. For processors of WALSH_ISA_AVX512.
void walsh_bfloat16_pairs_rows(const uint16_t *w, size_t rows, const uint16_t *x, size_t tokens, size_t columns,
                               float *y, size_t stride);
#endif
