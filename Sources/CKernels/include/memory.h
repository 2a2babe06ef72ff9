// Memory for large read-only operands.
#pragma once
#include <stddef.h>

/// `count` bytes, to be given to `free`: on a line of the cache, and from 4 MiB on in large pages where the system has
/// them, from which one core reads a third faster. NULL when there is no memory.
void *walsh_allocate(size_t count);
