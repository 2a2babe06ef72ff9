// Philox 4x32 with 10 rounds, W / 2 blocks of four words at a time.

typedef uint64_t FN(w) __attribute__((ext_vector_type(W / 2)));

// The words of blocks first, first + 1, ... of the counter (block, prefix).
void FN(walsh_random_words)(uint64_t key, uint64_t prefix, uint64_t first, size_t blocks, uint32_t *words) {
  const uint64_t word = 0xFFFFFFFF;
  FN(w) lane;
  for (size_t k = 0; k < W / 2; k++) lane[k] = k;
  for (size_t b = 0; b < blocks; b += W / 2) {
    FN(w) block = first + b + lane;
    // Each word in a lane of 64 bits, whose upper half does not count.
    FN(w) c0 = block, c1 = block >> 32, c2 = prefix, c3 = prefix >> 32;
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
#pragma clang loop unroll(full)
    for (int round = 0; round < 10; round++) {
      FN(w) p = (c0 & word) * 0xD2511F53u, q = (c2 & word) * 0xCD9E8D57u;
      c0 = (q >> 32) ^ c1 ^ k0;
      c1 = q;
      c2 = (p >> 32) ^ c3 ^ k1;
      c3 = p;
      k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    // Two words in each lane, lowest first.
    FN(w) front = (c0 & word) | c1 << 32, back = (c2 & word) | c3 << 32;
    uint64_t pairs[W];
#pragma clang loop unroll(full)
    for (int k = 0; k < W / 2; k++) pairs[2 * k] = front[k], pairs[2 * k + 1] = back[k];
    size_t count = blocks - b < W / 2 ? blocks - b : W / 2;
    memcpy(words + 4 * b, pairs, count * 16);
  }
}
