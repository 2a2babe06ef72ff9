#define _DEFAULT_SOURCE
#include "include/memory.h"

#include <stdlib.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

void *walsh_allocate(size_t count) {
  const size_t alignment = count >= 4 << 20 ? 2 << 20 : 64;
  void *memory = NULL;
  if (posix_memalign(&memory, alignment, count > 0 ? count : 1) != 0) return NULL;
#if defined(__linux__)
  // Only advice: without large pages reading is slower, nothing else.
  if (alignment > 64) (void)madvise(memory, count, MADV_HUGEPAGE);
#endif
  return memory;
}
