import CKernels
import Foundation
import Testing
import WalshTensor

@testable import WalshTransforms

@Suite("Fast Hadamard kernels")
struct FastHadamardKernelTests {
  /// Inputs that separate a different order of additions from the right one.
  enum Input: String, CaseIterable {
    case normal, extremes, denormals, negativeZeros, alternating, cancellation

    func values(_ count: Int) -> [Float] {
      let stream = RandomStream(seed: 7, purpose: "test/fwht")
      return (0..<count).map { i in
        let u = stream.uniform(at: i) - 0.5
        switch self {
        case .normal: return Float(stream.normal(at: i))
        case .extremes: return u * (i % 3 == 0 ? 1e30 : i % 3 == 1 ? 1e-30 : 1)
        case .denormals: return u * 0x1p-136
        case .negativeZeros: return i % 5 == 0 ? u : i % 2 == 0 ? -0.0 : 0
        case .alternating: return i % 2 == 0 ? 1.1 : -1.1
        case .cancellation: return (i / 2 % 2 == 0 ? 1e7 : -1e7) + u
        }
      }
    }
  }

  /// Equal bit for bit; −0 differs from 0.
  private func sameBits(_ a: [Float], _ b: [Float]) -> Bool {
    a.withUnsafeBytes { p in
      b.withUnsafeBytes { q in
        guard let x = p.baseAddress, let y = q.baseAddress else { return p.count == q.count }
        return p.count == q.count && memcmp(x, y, p.count) == 0
      }
    }
  }

  /// The textbook loop in plain Swift.
  private func plain(_ x: [Float], n: Int, scale: Float) -> [Float] {
    var x = x
    for row in stride(from: 0, to: x.count, by: n) {
      var h = 1
      while h < n {
        for i in 0..<n where i & h == 0 {
          (x[row + i], x[row + i + h]) = (x[row + i] + x[row + i + h], x[row + i] - x[row + i + h])
        }
        h *= 2
      }
      for i in 0..<n { x[row + i] *= scale }
    }
    return x
  }

  @Test("The scalar reference is the textbook loop", arguments: Input.allCases)
  func reference(input: Input) {
    for n in [1, 2, 8, 64, 256] {
      var x = input.values(3 * n)
      let expected = plain(x, n: n, scale: 0.3)
      walsh_fwht_rows_scalar(&x, 3, n, 0.3)
      #expect(sameBits(x, expected))
    }
  }

  @Test("Powers of two have the bits of the scalar reference", arguments: InstructionSet.available, Input.allCases)
  func powersOfTwo(instructions: InstructionSet, input: Input) {
    let values = input.values(1 << 15)
    for levels in 0...14 {
      let n = 1 << levels
      for rows in n > 1024 ? [1, 2] : [1, 3, 13] {
        var x = Array(values.prefix(rows * n))
        var expected = x
        walsh_fwht_rows(instructions.rawValue, &x, rows, n, 0.3)
        walsh_fwht_rows_scalar(&expected, rows, n, 0.3)
        #expect(sameBits(x, expected), "\(rows) rows of \(n)")
      }
    }
  }

  @Test("K·2^a has the bits of the scalar reference", arguments: InstructionSet.available, Input.allCases)
  func mixed(instructions: InstructionSet, input: Input) throws {
    let values = input.values(50_000)
    for k in [4, 12, 20, 28, 36, 44, 52, 76, 172] {
      let matrix = try HadamardMatrix(order: k)
      var codes = [UInt8](repeating: 0, count: k * k / 4)
      walsh_hadamard_codes(matrix.entries, k, &codes)
      var scratch = [Float](repeating: .nan, count: walsh_hadamard_scratch(k))
      for m in [1, 2, 4, 8, 16, 32, 64, 256] {
        for rows in [1, 5, 70] where rows * m * k < 50_000 {
          var x = Array(values.prefix(rows * k * m))
          var expected = x
          walsh_hadamard_rows(instructions.rawValue, &x, rows, k, m, codes, 0.3, &scratch)
          walsh_hadamard_rows_scalar(&expected, rows, k, m, codes, 0.3, &scratch)
          #expect(sameBits(x, expected), "\(rows) rows of \(k)·\(m)")
        }
      }
    }
  }

  @Test("Large rows have the bits of the scalar reference", arguments: InstructionSet.available)
  func largeRows(instructions: InstructionSet) {
    let values = Input.extremes.values(1 << 20)
    for n in [1 << 15, 1 << 16, 1 << 17, 1 << 20] {
      var x = Array(values.prefix(n))
      var expected = x
      walsh_fwht_rows(instructions.rawValue, &x, 1, n, 1)
      walsh_fwht_rows_scalar(&expected, 1, n, 1)
      #expect(sameBits(x, expected), "\(n)")
    }
  }

  @Test("A not-a-number spreads over its own row only")
  func notANumber() throws {
    for n in [64, 96] {
      var x = Tensor(Input.normal.values(3 * n), shape: [3, n])
      x[1, 5] = .nan
      let y = x.transformed(by: try HadamardTransform(order: n))
      #expect(y.row(1).values.allSatisfy { $0.isNaN })
      #expect((y.row(0).values + y.row(2).values).allSatisfy { $0.isFinite })
    }
  }
}
