// Decoding of rows of codes of up to eight bits. Define W (lanes) and FN before including this file.
#include <string.h>

/// Four-bit or eight-bit codes that are numbers themselves, in whole vectors; returns how many columns it wrote.
static inline __attribute__((always_inline)) size_t FN(decode_whole)(const uint8_t *codes, int bits, float zero,
                                                                     float scale, size_t first, size_t end, float *y) {
  typedef uint8_t bytes __attribute__((ext_vector_type(W)));
  typedef uint8_t half __attribute__((ext_vector_type(W / 2)));
  typedef float lanes __attribute__((ext_vector_type(W)));
  typedef float lanes_at __attribute__((ext_vector_type(W), aligned(4)));
  size_t i = first;
  for (; i + W <= end; i += W) {
    bytes c;
    if (bits == 8) {
      memcpy(&c, codes + i, W);
    } else {
      half pairs;
      memcpy(&pairs, codes + i / 2, W / 2);
      half low = pairs & 15, high = pairs >> 4;
      c.even = low;
      c.odd = high;
    }
    *(lanes_at *)(y + i) = (__builtin_convertvector(c, lanes) - zero) * scale;
  }
  return i;
}

void FN(walsh_decode_rows)(const walsh_code_rows *source, size_t rows, size_t columns, float *y) {
  const walsh_code_rows w = *source;
  const size_t bits = (size_t)w.bits;
  const unsigned mask = (1u << bits) - 1;
  for (size_t row = 0; row < rows; row++, y += columns) {
    const uint8_t *codes = w.codes + row * w.code_stride;
    for (size_t start = 0, g = row * w.scale_stride; start < columns; start += w.group, g++) {
      size_t end = start + w.group < columns ? start + w.group : columns, i = start;
      float scale = w.scales[g], zero = w.zeros ? (float)w.zeros[g] : w.zero;
      if (!w.table && (bits == 8 || (bits == 4 && start % 2 == 0)))
        i = FN(decode_whole)(codes, w.bits, zero, scale, start, end, y);
      for (; i < end; i++) {
        size_t bit = i * bits;
        unsigned word = (unsigned)codes[bit / 8] >> bit % 8;
        if (bit % 8 + bits > 8) word |= (unsigned)codes[bit / 8 + 1] << (8 - bit % 8);
        word &= mask;
        y[i] = ((w.table ? w.table[word] : (float)word) - zero) * scale;
      }
    }
  }
}
