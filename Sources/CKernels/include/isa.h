// The instruction sets a kernel may be compiled for, and which one this processor runs.
#pragma once

enum { WALSH_ISA_BASE = 0, WALSH_ISA_AVX2 = 1, WALSH_ISA_AVX512 = 2 };

/// The highest WALSH_ISA_* this processor supports: base (SSE2 or NEON), AVX2+FMA, AVX-512 F/BW/DQ/VL.
int walsh_isa(void);
