// Gradients of rounding and of clipping, row by row: what calibration and training differentiate them by.
#pragma once
#include <stddef.h>

/// The straight-through gradient of x^ = s * clamp(round(x / s), low, high) with s held fixed: dx = g where the rounded
/// quotient q lies within [low, high], else 0. Returns the gradient by s: the sum of g * (q - x / s) inside and of
/// g * (low or high) outside. Rounds half to even. Sums depend on the instruction set in their last bits.
double walsh_straight_through(int isa, const float *x, const float *g, size_t n, float scale, float low, float high,
                              float *dx);

/// y = x within [low, high], else the bound.
void walsh_clip(int isa, const float *x, size_t n, float low, float high, float *y);

/// The gradient of `walsh_clip`: dx = g within [low, high], ends included, else 0; sums[0] and sums[1] are the sums of g
/// over what lies below and above.
void walsh_clip_gradient(int isa, const float *x, const float *g, size_t n, float low, float high, float *dx,
                         double sums[2]);

/// The first index with x[i] == value; n when there is none.
size_t walsh_first_index(int isa, const float *x, size_t n, float value);
