// Chooses the instruction set of the products of interleaved.h; the layout of weights.
#include "include/interleaved.h"

#include <string.h>

#include "dispatch.h"

#define DECLARE(suffix)                                                                                              \
  void walsh_multiply_interleaved_##suffix(const walsh_interleaved *, size_t, size_t, const walsh_quantized_rows *,  \
                                           float, float, float *, size_t);

DECLARE(base)
#if defined(__x86_64__)
DECLARE(avx2)
DECLARE(avx512)
#elif defined(__aarch64__)
DECLARE(dotprod)
DECLARE(i8mm)
#endif

void walsh_multiply_interleaved(int isa, const walsh_interleaved *w, size_t first, size_t panels,
                                const walsh_quantized_rows *x, float w_divisor, float x_divisor, float *y, size_t stride) {
#if defined(__aarch64__)
  if (isa >= WALSH_ISA_DOTPROD) {
    (isa == WALSH_ISA_I8MM ? walsh_multiply_interleaved_i8mm : walsh_multiply_interleaved_dotprod)(
        w, first, panels, x, w_divisor, x_divisor, y, stride);
    return;
  }
#endif
  CALL(walsh_multiply_interleaved, w, first, panels, x, w_divisor, x_divisor, y, stride);
}

// Nibbles 0...7 of a word, four consecutive columns in each half, become pairs of one from each half.
static inline uint32_t shuffle(uint32_t x) {
  uint32_t t = (x ^ x >> 8) & 0x0000ff00;
  x ^= t ^ t << 8;
  t = (x ^ x >> 4) & 0x00f000f0;
  return x ^ t ^ t << 4;
}

static inline uint32_t unshuffle(uint32_t x) {
  uint32_t t = (x ^ x >> 4) & 0x00f000f0;
  x ^= t ^ t << 4;
  t = (x ^ x >> 8) & 0x0000ff00;
  return x ^ t ^ t << 8;
}

void walsh_interleave(const uint8_t *codes, size_t stride, size_t rows, size_t columns, size_t blocks, uint8_t padding,
                      uint8_t *panel) {
  const uint32_t pad = padding * 0x11111111u;
  const size_t whole = columns / 8, words = 4 * blocks;
  for (size_t r = 0; r < 16; r++) {
    uint8_t *to = panel + 4 * r;
    size_t i = 0;
    if (r < rows) {
      const uint8_t *row = codes + r * stride;
      for (; i < whole; i++) {
        uint32_t word;
        memcpy(&word, row + 4 * i, 4);
        word = shuffle(word);
        memcpy(to + 64 * i, &word, 4);
      }
      size_t rest = columns % 8;
      if (rest > 0) {
        uint32_t word = 0, mask = (1u << 4 * rest) - 1;
        memcpy(&word, row + 4 * i, (rest + 1) / 2);
        word = shuffle((word & mask) | (pad & ~mask));
        memcpy(to + 64 * i++, &word, 4);
      }
    }
    for (; i < words; i++) memcpy(to + 64 * i, &pad, 4);
  }
}

void walsh_deinterleave(const uint8_t *panel, size_t rows, size_t bytes, uint8_t *codes, size_t stride) {
  for (size_t r = 0; r < rows; r++) {
    const uint8_t *from = panel + 4 * r;
    uint8_t *row = codes + r * stride;
    for (size_t i = 0; i < bytes; i += 4) {
      uint32_t word;
      memcpy(&word, from + 16 * i, 4);
      word = unshuffle(word);
      memcpy(row + i, &word, bytes - i < 4 ? bytes - i : 4);
    }
  }
}
