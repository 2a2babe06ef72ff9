// The definition of the selective scan, a channel, a token and a state at a time.
#include <stdint.h>

#include "include/selective_scan.h"

#pragma clang fp contract(off)

#define REAL float
#define INTEGER int32_t
#define EXP exp_of
#include "exp_impl.h"

void walsh_selective_scan_reference(const walsh_scan *scan, size_t first, size_t count, float *state, float *y,
                                    float *boundaries, size_t interval) {
  size_t channels = scan->channels, states = scan->states;
  for (size_t e = first; e < first + count; e++)
    for (size_t t = 0; t < scan->tokens; t++) {
      float step = scan->steps[t * channels + e], x = scan->x[t * channels + e], sum = 0;
#pragma clang loop vectorize(disable) interleave(disable)
      for (size_t n = 0; n < states; n++) {
        float *s = state + n * channels + e;
        if (boundaries && t % interval == 0) boundaries[(t / interval * states + n) * channels + e] = *s;
        *s = exp_of(step * scan->decay[n * channels + e]) * *s + step * x * scan->b[t * states + n];
        sum += *s * scan->c[t * states + n];
      }
      if (y) y[t * channels + e] = sum + scan->skip[e] * x;
    }
}
