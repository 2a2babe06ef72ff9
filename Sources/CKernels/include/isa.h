// The instruction sets a kernel may be compiled for, and which one this processor runs.
#pragma once

enum { WALSH_ISA_BASE = 0, WALSH_ISA_AVX2 = 1, WALSH_ISA_AVX512 = 2, WALSH_ISA_DOTPROD = 3, WALSH_ISA_I8MM = 4 };

/// The highest WALSH_ISA_* this processor supports: base (SSE2 or NEON); AVX2 with FMA and F16C; AVX-512 F, BW, DQ, VL,
/// VBMI, VNNI and BF16 (Zen 4, Sapphire Rapids and later); NEON with dot products; NEON with dot and matrix products of
/// int8 (Armv8.6).
int walsh_isa(void);
