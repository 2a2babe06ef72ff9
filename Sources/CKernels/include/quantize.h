// Quantization of Float32 rows to E2M1 codes and to integers, and the statistics it needs.
//
// Every function takes the instruction set to run with (WALSH_ISA_*) and gives the same bits with each.
//
// FP4: codes lie in sequential pairs, the even element in the low nibble; a row of codes has (columns + 1) / 2 bytes
// and a row of scales ceil(columns / group), a byte each; the last group of a row may be shorter. A group has an even
// number of elements.
//
// `words` in a parameter list are random words, one for each value: a value between two neighbours of the grid goes to
// the larger magnitude when the upper 24 bits, as a fraction of 2^24, are below its distance from the smaller one. NULL
// rounds to nearest even.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Rules for the scale of an FP4 block: E8M0 for groups of 32, then E4M3 under a tensor scale for groups of 16.
enum {
  WALSH_MX_FLOOR = 0,
  WALSH_MX_CEIL = 1,
  WALSH_MX_EVEN = 2,
  WALSH_MX_RCEIL = 3,
  /// E4M3(am * (G * 1/6)), TransformerEngine.
  WALSH_NV_TRANSFORMER_ENGINE = 4,
  /// E4M3(G * (am / 6)), zero becoming 0.125, compressed-tensors.
  WALSH_NV_COMPRESSED_TENSORS = 5,
  /// E4M3(am / (96/17) * G).
  WALSH_NV_MARGIN = 6,
  /// E4M3(am / 6), MLX.
  WALSH_NV_ONE_LEVEL = 7,
};

/// What each of the 256 bytes of a scale means.
typedef struct {
  /// What a value is multiplied by before it is rounded, or divided by if `divides`. NaN: all codes are 0.
  const float *operands;
  /// What an element is multiplied by.
  const float *values;
  int divides;
} walsh_fp4_table;

/// A floating-point format of at most eight bits.
typedef struct {
  uint32_t bits, mantissa_bits, bias;
  float largest;
  /// What NaN becomes: a code and its value.
  uint32_t nan_code;
  float nan_value;
} walsh_minifloat;

/// How a value between two neighbours of the grid is rounded.
enum { WALSH_NEAREST_EVEN = 0, WALSH_TOWARD_ZERO = 1, WALSH_AWAY_FROM_ZERO = 2, WALSH_STOCHASTIC = 3 };

/// The scales of groups of 32 (E8M0) or 16 (E4M3) by `rule`, under the tensor scale G of E4M3.
/// A group with NaN or infinity: 255 or 0x7F.
void walsh_fp4_scales(int isa, const float *x, size_t rows, size_t columns, int rule, float tensor_scale,
                      uint8_t *scales);

/// The codes of x under given scales. NaN becomes 0.
void walsh_encode_fp4(int isa, const float *x, size_t rows, size_t columns, size_t group, const uint8_t *scales,
                      const walsh_fp4_table *table, const uint32_t *words, uint8_t *codes);

/// The values of the codes that `walsh_encode_fp4` would give.
void walsh_round_fp4(int isa, const float *x, size_t rows, size_t columns, size_t group, const uint8_t *scales,
                     const walsh_fp4_table *table, const uint32_t *words, float *y);

/// y = value(code) * scale, with one Float32 scale for each group (an even number) of each row.
void walsh_dequantize_fp4(int isa, const uint8_t *codes, const float *scales, size_t rows, size_t columns,
                          size_t group, float *y);

/// Adds the squared errors of rounding a group to nearest even to sixteen lanes, element i to lane i mod 16. `operand`,
/// `divides` and `value` as in walsh_fp4_table.
void walsh_fp4_errors(int isa, const float *x, size_t n, float operand, int divides, float value, float lanes[16]);

/// The sum, in sequence, of |d| or d * d with d = element * stored * amax / 1536 - x, elements being x * operand rounded.
float walsh_four_over_six_error(int isa, const float *x, size_t n, float operand, float stored, float amax,
                                int squared);

/// y = (clamp(round(x / scale) + zero, 0, top) - zero) * scale; NaN becomes 0. The scale is finite.
void walsh_round_integers(int isa, const float *x, size_t n, float scale, float zero, float top,
                          const uint32_t *words, float *y);

/// The codes clamp(round(x / scale) + zero, 0, top); NaN becomes zero. The scale is finite.
void walsh_encode_integers(int isa, const float *x, size_t n, float scale, float zero, float top,
                           const uint32_t *words, uint8_t *codes);

/// The codes, one a byte, of n values of a floating-point format of at most eight bits. `operand` and `divides` as in
/// walsh_fp4_table; only stochastic rounding reads `words`.
void walsh_encode_floats(int isa, const float *x, size_t n, const walsh_minifloat *format, float operand, int divides,
                         int rounding, const uint32_t *words, uint8_t *codes);

/// The values of the codes that `walsh_encode_floats` would give, times `scale`.
void walsh_round_floats(int isa, const float *x, size_t n, const walsh_minifloat *format, float operand, int divides,
                        float scale, int rounding, const uint32_t *words, float *y);

/// The first of `count` pairs of scale and zero with the least squared error of a block of finite values, rounded to
/// nearest even; `count` when no error is finite. The rows of the block are `stride` apart.
///
/// Element i of a row adds its squared error to lane i mod 16 of sixteen, and the lanes are added in Float64.
size_t walsh_search_integers(int isa, const float *x, size_t rows, size_t columns, size_t stride,
                             const float *scales, const float *zeros, size_t count, float top);

/// The words of the generator Philox 4x32-10 at `blocks` counters, four each: the lower half of a counter is `first`,
/// first + 1, ..., the upper half is `prefix`.
void walsh_random_words(int isa, uint64_t key, uint64_t prefix, uint64_t first, size_t blocks, uint32_t *words);

/// The least and the greatest of 0 and the n values; both NaN when a value is NaN or infinite.
void walsh_range(int isa, const float *x, size_t n, float *lowest, float *highest);

/// The largest magnitude of the finite values among n, 0 where there is none.
float walsh_finite_amax(int isa, const float *x, size_t n);
