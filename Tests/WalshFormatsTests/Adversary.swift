import WalshTensor

@testable import WalshFormats

/// Input that finds mistakes: ties, signed zeros, subnormals, huge and non-finite values, among ordinary numbers.
enum Adversary {
  /// Normal numbers whose rows differ in magnitude by many binades.
  static func normal(_ rows: Int, _ columns: Int, seed: UInt64 = 1) -> Tensor {
    var x = Tensor.normal([rows, columns], from: RandomStream(seed: seed, purpose: "adversary"))
    x.withUnsafeMutableBufferPointer { x in
      for i in x.indices { x[i] *= powerOfTwo((i / max(columns, 1)) * 7 % 23 - 11) }
    }
    return x
  }

  /// A matrix in which every eighth element or so is replaced by a tie, a zero, a subnormal or an extreme value.
  static func finite(_ rows: Int, _ columns: Int, seed: UInt64 = 2) -> Tensor {
    let special: [Float] = [
      0, -0.0, 0.25, -0.75, 1.25, 1.75, -2.5, 3.5, 5, 6, 7, Float(7).nextUp, .leastNonzeroMagnitude,
      -.leastNonzeroMagnitude, .leastNormalMagnitude, 0x1p-133, -1e-30, 0x1p-126, 448, 464, 2688, 3e38, -3e38,
      .greatestFiniteMagnitude, Float(0x1p-10).nextUp,
    ]
    var x = normal(rows, columns, seed: seed)
    let stream = RandomStream(seed: seed, purpose: "adversary/special")
    x.withUnsafeMutableBufferPointer { x in
      for i in x.indices {
        let word = stream.word(at: i)
        // Most blocks stay free of huge values, which would flush everything beside them.
        let choices = i / 64 % 4 == 0 ? special.count : 12
        if word % 8 == 0 { x[i] = special[Int(word >> 8) % choices] }
      }
    }
    return x
  }

  /// `finite` with a few NaN and infinite elements.
  static func anything(_ rows: Int, _ columns: Int, seed: UInt64 = 3) -> Tensor {
    var x = finite(rows, columns, seed: seed)
    let stream = RandomStream(seed: seed, purpose: "adversary/non-finite")
    x.withUnsafeMutableBufferPointer { x in
      for i in x.indices where stream.word(at: i) % 97 == 0 {
        x[i] = [.nan, .infinity, -.infinity][Int(stream.word(at: i) >> 8) % 3]
      }
    }
    return x
  }
}
