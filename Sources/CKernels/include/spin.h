// What a thread does between two looks at a flag.
#pragma once

/// Tells the processor that this is a waiting loop: it lends its units to the other thread of the core.
static inline void walsh_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}
