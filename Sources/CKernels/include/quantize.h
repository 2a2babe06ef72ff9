// Block quantization of Float32 rows to E2M1 codes and scales, and the statistics it needs.
//
// Every function takes the instruction set to run with (WALSH_ISA_*) and gives the same bits with each. Codes lie in
// sequential pairs, the even element in the low nibble; a row of codes has (columns + 1) / 2 bytes and a row of scales
// ceil(columns / group); the last group of a row may be shorter.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Rules for the E8M0 scale of a block.
enum { WALSH_MX_FLOOR = 0, WALSH_MX_CEIL = 1, WALSH_MX_EVEN = 2, WALSH_MX_RCEIL = 3 };

/// MXFP4: groups of 32, scales by `rule`, elements to nearest even. A group with NaN or infinity: scale 255, codes 0.
void walsh_quantize_mxfp4(int isa, const float *x, size_t rows, size_t columns, int rule, uint8_t *codes,
                          uint8_t *scales);

/// NVFP4: groups of 16 under `tensor_scale` = min(2688 / amax, FLT_MAX), TransformerEngine's order of operations.
/// A group with NaN or infinity: scale 0x7F, codes 0.
void walsh_quantize_nvfp4(int isa, const float *x, size_t rows, size_t columns, float tensor_scale, uint8_t *codes,
                          uint8_t *scales);

/// y = value(code) * scale, with one Float32 scale for each group (an even number) of each row.
void walsh_dequantize_fp4(int isa, const uint8_t *codes, const float *scales, size_t rows, size_t columns,
                          size_t group, float *y);

/// y = (clamp(round(x / scale) + zero, 0, top) - zero) * scale, rounding to nearest even; NaN becomes 0.
void walsh_round_integers(int isa, const float *x, size_t n, float scale, float zero, float top, float *y);

/// Adds the squared errors of the same rounding to sixteen lanes, element i to lane i mod 16.
void walsh_integer_errors(int isa, const float *x, size_t n, float scale, float zero, float top, float lanes[16]);

/// The least and the greatest of 0 and the n values; both NaN when a value is NaN or infinite.
void walsh_range(int isa, const float *x, size_t n, float *lowest, float *highest);

/// The largest magnitude of the finite values among n, 0 where there is none.
float walsh_finite_amax(int isa, const float *x, size_t n);
