// What the machine can do at best: the limits that kernels are measured against.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Reads `count` bytes, a multiple of 256, and returns the exclusive or of their words.
uint64_t walsh_read(const void *bytes, size_t count);

/// Runs the instruction that the packed products rest on (vpdpbusd; vpmaddubsw for AVX2; sdot) `count` times, on enough
/// independent sums to keep it busy. Returns the multiplications and additions done: 0 where there is no instruction.
uint64_t walsh_integer_dots(int isa, size_t count);
