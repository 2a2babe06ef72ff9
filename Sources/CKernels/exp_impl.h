// exp(x) for a float, or for every lane of a vector of floats. Define REAL and INTEGER, types of equal size and as many
// lanes, and EXP, the name, before including this file.
//
// Less than 1 unit in the last place from exact; NaN stays, below -104 gives 0, above 89 infinity. x = n log 2 + r with
// |r| <= log(2) / 2, log 2 in two parts (Cody and Waite), and Cephes' polynomial of degree 7 in r.
static inline __attribute__((always_inline)) REAL EXP(REAL x) {
  // Both comparisons are false for NaN, which stays.
  const REAL least = (REAL)-104.0f, largest = (REAL)89.0f;
  REAL clamped = x < least ? least : x;
  clamped = clamped > largest ? largest : clamped;
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
  REAL shifted = clamped * 1.44269504f + 0x1.8p23f;
  REAL n = shifted - 0x1.8p23f;
  REAL r = (clamped - n * 0.693359375f) - n * -2.12194440e-4f;
  REAL p = (REAL)1.98756915e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = (p * r * r + r) + 1.0f;
  // 2^n in two factors, because 2^-149 and 2^128 are no normal numbers.
  INTEGER exponent, bits;
  REAL first, second;
  __builtin_memcpy(&exponent, &shifted, sizeof exponent);
  exponent -= 0x4B400000;
  INTEGER half = exponent >> 1;
  bits = (half + 127) << 23;
  __builtin_memcpy(&first, &bits, sizeof first);
  bits = (exponent - half + 127) << 23;
  __builtin_memcpy(&second, &bits, sizeof second);
  return p * first * second;
}
#undef REAL
#undef INTEGER
#undef EXP
