// Conversion between Float32 and the narrower floats that checkpoints store.
// Sources and destinations in 16 bits (and doubles) are `void *`: a tensor in a mapped file may start at any byte.
#pragma once
#include <stddef.h>

/// IEEE binary16 to Float32, exact; NaN keeps its sign and becomes quiet.
void walsh_float_from_half(const void *source, float *destination, size_t count);
/// bfloat16 to Float32, exact.
void walsh_float_from_bfloat16(const void *source, float *destination, size_t count);
/// binary64 to Float32, rounded to nearest even.
void walsh_float_from_double(const void *source, float *destination, size_t count);
/// Float32 to IEEE binary16, rounded to nearest even, overflow to infinity, NaN to a quiet NaN.
void walsh_half_from_float(const float *source, void *destination, size_t count);
/// Float32 to bfloat16, rounded to nearest even, NaN to a quiet NaN.
void walsh_bfloat16_from_float(const float *source, void *destination, size_t count);
/// y[i] = x[i] rounded to bfloat16 and back, as `walsh_bfloat16_from_float` rounds.
void walsh_round_to_bfloat16(const float *x, float *y, size_t count);
/// The position of the first NaN or infinity, or `count` when every value is finite.
size_t walsh_first_not_finite(const float *values, size_t count);
