// Fast Hadamard transforms of contiguous rows: Sylvester orders 2^a, and orders k·2^a with a small matrix outside.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Replaces each of `rows` rows of `n` floats by scale · (row · S_n), where S_n is the Sylvester matrix in natural
/// order, S[i][j] = (-1)^popcount(i & j). `n` is a power of two, at least 1. In place; rows are contiguous.
/// The bits equal those of `walsh_fwht_rows_scalar` for every `isa` (a WALSH_ISA_* that this processor runs).
void walsh_fwht_rows(int isa, float *x, size_t rows, size_t n, float scale);

/// The reference: levels h = 1, 2, 4, ... of butterflies (a, b) -> (a + b, a - b), then one multiplication by `scale`.
void walsh_fwht_rows_scalar(float *x, size_t rows, size_t n, float scale);

/// Writes the k·k/4 codes that `walsh_hadamard_rows` reads. `matrix` is k×k, row-major, entries ±1, and k a multiple of
/// four. Code [i][g] stands for entries 4g ... 4g + 3 of row i: bit 3 is set when the first of them is -1; bits 0, 1
/// and 2 are set when entry 1 differs from entry 0, entry 2 from entry 0, and entry 3 from entry 2.
void walsh_hadamard_codes(const int8_t *matrix, size_t k, uint8_t *codes);

/// How many floats of scratch memory `walsh_hadamard_rows` needs for a matrix of order k.
size_t walsh_hadamard_scratch(size_t k);

/// Replaces each of `rows` rows of k·m floats by scale · (row · (Mᵀ ⊗ S_m)): butterflies inside each of the k blocks of
/// length m, then block i of the result is Σ_j M[i][j] · block j. `m` is a power of two; `codes` describe M;
/// `scratch` has `walsh_hadamard_scratch(k)` floats. The bits equal those of `walsh_hadamard_rows_scalar`.
void walsh_hadamard_rows(int isa, float *x, size_t rows, size_t k, size_t m, const uint8_t *codes, float scale,
                         float *scratch);

/// The reference: four entries at a time, s0 · ((x0 ± x1) ± (x2 ± x3)), added from the left, then multiplied by `scale`.
void walsh_hadamard_rows_scalar(float *x, size_t rows, size_t k, size_t m, const uint8_t *codes, float scale,
                                float *scratch);
