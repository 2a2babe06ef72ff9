// Attention of query rows to a tile of keys and values, with a running softmax.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Query rows that share their keys and values, and what they have seen so far.
typedef struct {
  /// `rows` rows of `d` floats, already multiplied by the scale of the scores.
  const float *queries;
  /// `rows` rows of `d` floats: the sum of exp(score - maximum) * value.
  float *mixtures;
  /// `rows` floats: the largest score, -infinity at first.
  float *maxima;
  /// `rows` floats: the sum of exp(score - maximum).
  float *sums;
  size_t rows;
  size_t d;
} walsh_attention;

/// The most positions in a tile.
enum { WALSH_ATTENTION_TILE = 64 };

/// Adds `positions` keys and values (at most WALSH_ATTENTION_TILE) to what the rows have seen:
/// m' = max(m, max score); mixture and sum are multiplied by exp(m - m') and exp(score - m') * (value, 1) added.
///
/// Row r sees the positions lows[r] ..< highs[r] of the tile. Keys and values have `d` floats each, `key_stride` and
/// `value_stride` floats apart. Before the first tile, `mixtures` and `sums` are zeros and `maxima` -infinity. While
/// values are finite, the result of a row does not depend on the other rows. Floating-point sums are ordered by d, the positions and the instruction set.
void walsh_attend(int isa, const walsh_attention *state, const float *keys, size_t key_stride, const float *values,
                  size_t value_stride, const int32_t *lows, const int32_t *highs, size_t positions);

/// Puts the spans of positions that rows have seen apart from each other together, in order, and divides:
/// y = (sum over s of exp(m_s - m) * mixture_s) / (sum over s of exp(m_s - m) * sum_s), m the largest of the maxima m_s.
///
/// A state is `rows` mixtures of d floats, `rows` maxima, `rows` sums; states lie `state_stride` floats apart. Row r goes to
/// y + r / group * stride + r % group * d.
void walsh_combine_spans(int isa, const float *states, size_t spans, size_t state_stride, size_t rows, size_t d,
                         size_t group, float *y, size_t stride);

/// Rows of codes with their scales, at one place in each of some longer rows.
typedef struct {
  /// Little-endian streams of `bits` bits (2 to 8) for each code, `code_stride` bytes apart.
  const uint8_t *codes;
  size_t code_stride;
  int bits;
  /// What a code stands for; NULL: its own number.
  const float *table;
  /// A scale for each `group` columns, `scale_stride` apart.
  const float *scales;
  size_t scale_stride;
  size_t group;
  /// What is subtracted first, where the scales are; NULL: `zero` from all.
  const uint8_t *zeros;
  float zero;
} walsh_code_rows;

/// y = (value - zero) * scale for `rows` rows of `columns` codes. The same bits with every instruction set.
void walsh_decode_rows(int isa, const walsh_code_rows *source, size_t rows, size_t columns, float *y);
