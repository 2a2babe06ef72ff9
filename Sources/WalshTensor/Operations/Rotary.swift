import Foundation

/// The rotation angles of rotary position embedding, as cosines and sines per position.
///
/// Dimension pairs are half-split, (i, i + d/2), as in Hugging Face checkpoints.
/// Source: Su et al. 2021 (RoFormer).
public struct RotaryTable: Sendable {
  /// The head size d.
  public let headSize: Int
  private let inverseFrequencies: [Float]
  private let magnitude: Float

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
    let angles = positions.flatMap { position in inverseFrequencies.map { Float(position) * $0 } }
    // Angles cost more than the rotation: texts of a batch and heads share them.
    let cosines = angles.map { cos($0) * magnitude }
    let sines = angles.map { sin($0) * magnitude * direction }
    x.withUnsafeMutableBufferPointer { p in
      cosines.withUnsafeBufferPointer { cosines in
        sines.withUnsafeBufferPointer { sines in
          Parallel.forEachChunk(ofRows: rows, columns: width) { rows in
            for row in rows {
              let table = row % positions.count * half
              for head in 0..<heads {
                let start = row * width + head * headSize
                for i in 0..<half {
                  let (a, b) = (p[start + i], p[start + half + i])
                  p[start + i] = a * cosines[table + i] - b * sines[table + i]
                  p[start + half + i] = b * cosines[table + i] + a * sines[table + i]
                }
              }
            }
          }
        }
      }
    }
  }
}
