import WalshFormats
import WalshTensor

/// The vectors of a vocabulary, one row a token, at the width of the checkpoint.
struct Embedding: Sendable {
  /// The matrix; shared with the output layer where the two are tied.
  let weight: Linear.Weight

  init(_ weight: Linear.Weight) { self.weight = weight }

  /// The number of rows.
  var count: Int { Linear(weight).outputCount }

  /// The rows of `tokens`, shape `[tokens.count, hiddenSize]`; the gradient of a tracked matrix is recorded.
  func callAsFunction(_ tokens: [Int]) -> Tensor {
    if case .bfloat16(let matrix) = weight {
      let rows = Tensor(shape: [tokens.count, matrix.columns]) { out in
        for (i, token) in tokens.enumerated() {
          matrix.unpackRow(
            token, into: UnsafeMutableBufferPointer(rebasing: out[i * matrix.columns..<(i + 1) * matrix.columns]))
        }
      }
      return rows
    }
    return dense.gatheringRows(tokens)
  }

  /// The row of `token` written over `row`, shape `[1, hiddenSize]`, without allocating where it has that shape.
  func copyRow(_ token: Int, to row: inout Tensor) {
    if case .bfloat16(let matrix) = weight {
      row.makeRow(matrix.columns)
      return row.withUnsafeMutableBufferPointer { matrix.unpackRow(token, into: $0) }
    }
    let dense = dense
    precondition(
      (0..<dense.rowCount).contains(token), "Token \(token) does not exist in a vocabulary of \(dense.rowCount).")
    row.makeRow(dense.columns)
    row.withUnsafeMutableBufferPointer { row in
      dense.withUnsafeBufferPointer { x in for j in row.indices { row[j] = x[token * row.count + j] } }
    }
  }

  private var dense: Tensor { Linear(weight).denseWeight }
}
