// Products with four-bit weights whose rows are interleaved by sixteen, on integer dot instructions.
//
// A matrix is cut into panels of 16 rows and its columns into blocks of 32; both are padded. A block of a panel is 256
// bytes, four vectors of 64: in vector v the 32-bit lane r belongs to row r, its byte j holding the code of column
// 8v + j in the low nibble and that of column 8v + 4 + j in the high one. A lane of a decoded vector is thus four
// consecutive columns of a row, what an integer dot instruction takes. The scales of a panel lie apart, sixteen for
// each group of columns.
//
// Activations are int8. Rows (tokens) are cut into tiles of 24, of which the last may have fewer; within a tile
// of n rows each group of activations is n int32 -12 * (sum of the group), n Float32 scales, then n times four bytes for
// each four columns. A row takes the same number of bytes in every tile.
//
// y[t][r] = (sum over groups of float(integer sum) * (weight scale * activation scale)) / w_divisor / x_divisor:
// the integer sum is exact, the products are rounded one by one and added in the order of the columns. Every instruction
// set gives the same bits, whatever tokens are computed together.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// The rows of activations in a tile.
enum { WALSH_TILE_ROWS = 24 };

/// What a code stands for: twice an E2M1 value, or the code less 8.
enum { WALSH_CODES_E2M1 = 0, WALSH_CODES_INT4 = 1 };

/// What the scales are: a byte of E8M0 or E4M3, or a Float32.
enum { WALSH_SCALES_E8M0 = 0, WALSH_SCALES_E4M3 = 1, WALSH_SCALES_FLOAT = 2 };

/// An interleaved matrix.
typedef struct {
  const uint8_t *codes;
  const uint8_t *scales;
  /// The rows, without padding.
  size_t rows;
  /// The blocks of 32 columns in a row.
  size_t blocks;
  /// The columns that share a scale: 16 for E4M3, 32 for E8M0, a multiple of 32 for Float32. It divides 32 * blocks.
  size_t group;
  int elements;
  int scale_kind;
} walsh_interleaved;

/// Quantized activations.
typedef struct {
  const uint8_t *bytes;
  size_t rows;
  /// The columns that share a scale: the group of the weights, or 32 where that is a multiple of 32.
  size_t group;
  /// 1, or 3 where three consecutive rows are the digits of one: their results are added, first + second + third.
  size_t digits;
} walsh_quantized_rows;

/// Writes the products with the rows of panels first ..< first + panels to y[(row of x / digits) * stride + row of w].
void walsh_multiply_interleaved(int isa, const walsh_interleaved *w, size_t first, size_t panels,
                                const walsh_quantized_rows *x, float w_divisor, float x_divisor, float *y, size_t stride);

/// Interleaves 16 rows of `columns` codes in sequential pairs, `stride` bytes apart, into `blocks` blocks. Rows from
/// `rows` on and columns from `columns` on become `padding`.
void walsh_interleave(const uint8_t *codes, size_t stride, size_t rows, size_t columns, size_t blocks, uint8_t padding,
                      uint8_t *panel);

/// The inverse of walsh_interleave: `bytes` bytes of codes for each of the first `rows` rows of a panel.
void walsh_deinterleave(const uint8_t *panel, size_t rows, size_t bytes, uint8_t *codes, size_t stride);
