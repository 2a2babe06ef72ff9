import Foundation
import WalshTensor

/// Standard normal test data; every name gives other numbers.
func normal(_ shape: [Int], _ name: String) -> Tensor {
  .normal(shape, from: RandomStream(seed: 7, purpose: name))
}

/// Standard normal test data in Float64.
func normalMatrix(_ rows: Int, _ columns: Int, _ name: String, index: UInt64 = 0) -> Matrix {
  let stream = RandomStream(seed: 7, purpose: name, index: index)
  return Matrix(rows: rows, columns: columns, values: (0..<rows * columns).map(stream.normal(at:)))
}

private let workersInUse = NSLock()

/// Runs `body` with a number of workers that no other test of this module changes meanwhile.
func withWorkers<R>(_ count: Int, _ body: () throws -> R) rethrows -> R {
  workersInUse.lock()
  let before = Parallel.workerCount
  Parallel.workerCount = count
  defer {
    Parallel.workerCount = before
    workersInUse.unlock()
  }
  return try body()
}

extension Matrix {
  /// A·B by the definition, for small matrices.
  func productByDefinition(_ b: Matrix) -> Matrix {
    var c = Matrix.zeros(rows, b.columns)
    for i in 0..<rows {
      for k in 0..<columns { for j in 0..<b.columns { c.values[i * b.columns + j] += self[i, k] * b[k, j] } }
    }
    return c
  }
}

/// The largest |a − b|; NaN where either holds one.
func largestDifference(_ a: Matrix, _ b: Matrix) -> Double {
  precondition(a.rows == b.rows && a.columns == b.columns)
  return zip(a.values, b.values).reduce(0) { largest, pair in
    let difference = abs(pair.0 - pair.1)
    return difference <= largest ? largest : difference
  }
}

extension Tensor {
  /// Whether no value is a number.
  var isAllNaN: Bool { values.allSatisfy { $0.isNaN } }

  /// The bits of every value, which tell NaN and −0 apart.
  var bits: [UInt32] { values.map(\.bitPattern) }
}
