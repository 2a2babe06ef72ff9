// The scales of FP4 blocks: largest magnitudes, and the rules that make bytes of them.

// The bit pattern of the largest magnitude of n values.
INLINE uint32_t FN(amax)(const float *x, size_t n) {
  FN(u) m = (FN(u))FN(load)(x) & 0x7FFFFFFF;
#pragma clang loop unroll(full)
  for (size_t i = W; i < n; i += W) m = __builtin_elementwise_max(m, (FN(u))FN(load)(x + i) & 0x7FFFFFFF);
  return __builtin_reduce_max(m);
}

// E8M0 for largest magnitudes whose bit patterns are m.
INLINE FN(u) FN(mx_bytes)(FN(u) m, int rule) {
  FN(i) byte;
  switch (rule) {
  case WALSH_MX_FLOOR: byte = (FN(i))(m >> 23) - 2; break;
  // A true comparison is -1.
  case WALSH_MX_CEIL: byte = (FN(i))(m >> 23) - (FN(i))((m & 0x7FFFFF) != 0) - 2; break;
  case WALSH_MX_EVEN: byte = (FN(i))((m + 0x200000) >> 23) - 2; break;
  default: {
    FN(u) d = (FN(u))((FN(f))m * (1.0f / 6.0f));
    FN(u) exponent = d >> 23, least = exponent == 0 ? (FN(u))0x400000 : 0;
    byte = (FN(i))exponent - (FN(i))((d & 0x7FFFFF) > least);
  }
  }
  return m >= INFINITE ? (FN(u))255 : (FN(u))__builtin_elementwise_max(byte, (FN(i))0);
}

// E4M3 to nearest even for values from 0 up; above 448 they saturate.
INLINE FN(u) FN(e4m3)(FN(f) s) {
  s = __builtin_elementwise_min(s, (FN(f))448.0f);
  // Three mantissa bits from 2^-6 up, steps of 2^-9 below.
  FN(u) bits = (FN(u))s;
  FN(u) large = ((bits + 0x7FFFF + ((bits >> 20) & 1)) >> 20) - 960;
  FN(u) small = (FN(u))(s + 16384.0f) & 15;
  return (FN(i))bits < 0x3C800000 ? small : large;
}

INLINE FN(u) FN(nv_bytes)(FN(u) m, int rule, float tensor_scale) {
  FN(f) am = (FN(f))m;
  FN(u) byte;
  switch (rule) {
  case WALSH_NV_TRANSFORMER_ENGINE: byte = FN(e4m3)(am * (tensor_scale * (1.0f / 6.0f))); break;
  case WALSH_NV_COMPRESSED_TENSORS:
    byte = FN(e4m3)(tensor_scale * (am / 6.0f));
    byte = byte == 0 ? (FN(u))0x20 : byte;
    break;
  case WALSH_NV_MARGIN: byte = FN(e4m3)(am / (96.0f / 17.0f) * tensor_scale); break;
  default: byte = FN(e4m3)(am / 6.0f);
  }
  return m >= INFINITE ? (FN(u))0x7F : byte;
}

// The scales of up to 16 groups.
INLINE void FN(scale_panel)(const float *x, size_t groups, size_t group, int rule, float tensor_scale,
                            uint8_t *scales) {
  uint32_t am[16] = {0};
  uint8_t bytes[16];
  for (size_t g = 0; g < groups; g++) am[g] = FN(amax)(x + group * g, group);
  for (size_t g = 0; g < 16; g += W) {
    FN(u) m = *(const FN(uu) *)(am + g);
    FN(u) byte = group == 32 ? FN(mx_bytes)(m, rule) : FN(nv_bytes)(m, rule, tensor_scale);
    *(FN(cu) *)(bytes + g) = __builtin_convertvector(byte, FN(c));
  }
  memcpy(scales, bytes, groups);
}

INLINE void FN(scale_rows)(const float *x, size_t rows, size_t columns, size_t group, int rule, float tensor_scale,
                           uint8_t *scales) {
  if (columns % group == 0) columns *= rows, rows = rows > 0;
  size_t tail = columns % group, whole = columns / group;
  for (size_t r = 0; r < rows; r++) {
    size_t g = 0;
    for (; g + 16 <= whole; g += 16, x += 16 * group, scales += 16)
      FN(scale_panel)(x, 16, group, rule, tensor_scale, scales);
    if (g < whole) {
      FN(scale_panel)(x, whole - g, group, rule, tensor_scale, scales);
      x += (whole - g) * group, scales += whole - g;
    }
    if (!tail) continue;
    float padded[32] = {0};
    memcpy(padded, x, tail * sizeof(float));
    FN(scale_panel)(padded, 1, group, rule, tensor_scale, scales++);
    x += tail;
  }
}

void FN(walsh_fp4_scales)(const float *x, size_t rows, size_t columns, int rule, float tensor_scale,
                          uint8_t *scales) {
  if (rule <= WALSH_MX_RCEIL)
    FN(scale_rows)(x, rows, columns, 32, rule, tensor_scale, scales);
  else
    FN(scale_rows)(x, rows, columns, 16, rule, tensor_scale, scales);
}
