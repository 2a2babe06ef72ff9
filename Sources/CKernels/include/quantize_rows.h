// Quantization of activations to a tile of interleaved.h, at most 24 rows. Every instruction set gives the same bits.
//
// A row has `groups` groups; columns from `columns` on are zeros. Scales are multiplied by `factor`, a power of two: 1/2
// for products with E2M1 weights, whose integers are twice their values. A group with NaN or infinity gets a NaN scale and
// zeros, one whose amax is below 2^-100 the scale zero.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// int8 in groups of 16 or 32: scale = amax / 127, values x * (127 / amax) rounded to nearest even.
void walsh_quantize_rows(int isa, const float *x, size_t rows, size_t columns, size_t group, size_t groups,
                         float factor, uint8_t *tile);

/// Fixed-point numbers under a power of two for each group of 16 or 32, rounded to nearest even, as three digits of base
/// 256, the first counting most: each row becomes three of the tile, so that there are at most 8. The error is at most
/// 2^-23 of the group's amax.
void walsh_split_rows(int isa, const float *x, size_t rows, size_t columns, size_t group, size_t groups, float factor,
                      uint8_t *tile);

/// Four-bit codes in sequential pairs (WALSH_CODES_*), rows `stride` bytes apart, with `scales` of which each row has
/// one for each of its ceil(columns / group) groups. A group of zeros gets the scale zero unless its own is NaN.
void walsh_expand_rows(const uint8_t *codes, size_t stride, const float *scales, int elements, size_t rows,
                       size_t columns, size_t group, size_t groups, float factor, uint8_t *tile);
