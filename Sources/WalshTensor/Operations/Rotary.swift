import Foundation

/// The rotation angles of rotary position embedding, as cosines and sines per position.
///
/// Dimension pairs are half-split, (i, i + d/2), as in Hugging Face checkpoints.
/// Source: Su et al. 2021 (RoFormer).
public struct RotaryTable: Sendable {
  /// The head size d.
  public let headSize: Int
  fileprivate let inverseFrequencies: [Float]
  fileprivate let magnitude: Float

  /// - Parameters:
  ///   - inverseFrequencies: θ_i for i < d/2; the angle at position p is p·θ_i.
  ///   - magnitude: a factor on every cosine and sine (YaRN's attention scaling), usually 1.
  public init(inverseFrequencies: [Float], magnitude: Float = 1) {
    precondition(!inverseFrequencies.isEmpty, "A rotary table has at least one frequency.")
    headSize = 2 * inverseFrequencies.count
    self.inverseFrequencies = inverseFrequencies
    self.magnitude = magnitude
  }

  /// Every head of every row rotated.
  ///
  /// - Parameters:
  ///   - x: shape `[tokens, heads · headSize]`, or `[texts, tokens, heads · headSize]`.
  ///   - positions: the position of each token, the same in all texts.
  public func applied(to x: Tensor, positions: some RandomAccessCollection<Int>) -> Tensor {
    var result = x.detached()
    apply(to: &result, positions: positions)
    return result.recorded(from: x) { _ in
      let positions = Array(positions)
      return { gradient in
        // The transpose of a rotation turns the other way; the magnitude stays.
        var result = gradient
        turn(&result, positions: positions, by: -1)
        return result
      }
    }
  }

  /// Rotates every head of every row in place.
  ///
  /// - Parameters:
  ///   - x: shape `[tokens, heads · headSize]`, or `[texts, tokens, heads · headSize]`.
  ///   - positions: the position of each token, the same in all texts.
  public func apply(to x: inout Tensor, positions: some RandomAccessCollection<Int>) {
    turn(&x, positions: positions, by: 1)
  }

  private func turn(_ x: inout Tensor, positions: some RandomAccessCollection<Int>, by direction: Float) {
    precondition(
      x.columns % headSize == 0 && (x.count == 0 || !positions.isEmpty && x.rowCount % positions.count == 0),
      "Rotary embedding of heads of \(headSize) at \(positions.count) positions does not fit \(x.shape).")
    let half = headSize / 2
    let heads = x.columns / headSize
    let (width, rows) = (x.columns, x.rowCount)
    // Angles cost more than the rotation: texts of a batch and heads share them.
    let turns = RotaryTurns(self, at: positions)
    x.withUnsafeMutableBufferPointer { p in
      turns.withPointers { cosines, sines in
        Parallel.forEachChunk(ofRows: rows, columns: width) { rows in
          for row in rows {
            let table = row % positions.count * half
            guard let base = p.baseAddress else { return }
            turnHeads(base + row * width, heads, half, cosines + table, sines + table, direction)
          }
        }
      }
    }
  }
}

/// The cosines and sines of a rotary table at some positions: all blocks of a model turn by the same ones.
public struct RotaryTurns: Sendable {
  /// d/2 values for each position.
  private var cosines: [Float] = []
  private var sines: [Float] = []
  private let half: Int

  /// The turns of `table` at `positions`.
  public init(_ table: RotaryTable, at positions: some RandomAccessCollection<Int>) {
    half = table.headSize / 2
    cosines.reserveCapacity(half * positions.count)
    sines.reserveCapacity(half * positions.count)
    for position in positions { append(table, at: position) }
  }

  /// Becomes the turns of `table`, of the same head size, at one position, in the memory that is there.
  public mutating func move(to position: Int, of table: RotaryTable) {
    precondition(table.headSize == 2 * half, "Turns of heads of \(2 * half) do not fit heads of \(table.headSize).")
    cosines.removeAll(keepingCapacity: true)
    sines.removeAll(keepingCapacity: true)
    append(table, at: position)
  }

  private mutating func append(_ table: RotaryTable, at position: Int) {
    for frequency in table.inverseFrequencies {
      let angle = Float(position) * frequency
      cosines.append(cos(angle) * table.magnitude)
      sines.append(sin(angle) * table.magnitude)
    }
  }

  /// Turns the consecutive `heads` by the turns of the first position, as `RotaryTable.apply` does.
  public func turn(_ heads: UnsafeMutableBufferPointer<Float>) {
    precondition(heads.count % (2 * half) == 0, "\(heads.count) values are no heads of \(2 * half).")
    guard let base = heads.baseAddress else { return }
    withPointers { turnHeads(base, heads.count / (2 * half), half, $0, $1, 1) }
  }

  fileprivate func withPointers(_ body: (UnsafePointer<Float>, UnsafePointer<Float>) -> Void) {
    cosines.withUnsafeBufferPointer { cosines in
      sines.withUnsafeBufferPointer { sines in
        if let cosines = cosines.baseAddress, let sines = sines.baseAddress { body(cosines, sines) }
      }
    }
  }
}

/// Turns consecutive heads of 2 · `half` values, in the plane of the values i and half + i each.
private func turnHeads(
  _ x: UnsafeMutablePointer<Float>, _ heads: Int, _ half: Int, _ cosines: UnsafePointer<Float>,
  _ sines: UnsafePointer<Float>, _ direction: Float
) {
  for head in 0..<heads {
    let (first, second) = (x + 2 * half * head, x + 2 * half * head + half)
    for i in 0..<half {
      let (a, b, sine) = (first[i], second[i], sines[i] * direction)
      first[i] = a * cosines[i] - b * sine
      second[i] = b * cosines[i] + a * sine
    }
  }
}
