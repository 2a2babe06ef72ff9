import WalshTensor

/// The matrices G1 and G2 of section 5.4 of the number formats, 96 × 64.
public enum GoldenMatrices {
  /// G1[i][j] = (((131 i² + 71 j² + 37 i j + 17) mod 257) − 128) / 64.
  public static let g1 = Tensor(shape: [96, 64]) { p in
    for i in 0..<96 {
      for j in 0..<64 {
        let n: Int = 131 * i * i + 71 * j * j + 37 * i * j + 17
        p[i * 64 + j] = Float(n % 257 - 128) / 64
      }
    }
  }

  /// G1 with row i times 2^(((5 i) mod 11) − 5) and row 10 set to +0.
  public static let g2 = Tensor(
    g1.values.enumerated().map { n, x in
      let i = n / 64
      return i == 10 ? 0 : x * Float(sign: .plus, exponent: 5 * i % 11 - 5, significand: 1)
    }, shape: [96, 64])
}
