import WalshModels
import WalshTensor
import WalshTransforms

/// The opposite of what rotations are used for: an orthogonal map of the residual stream that turns its strongest directions
/// into single channels.
///
/// The directions are the leading eigenvectors of the second moment of the normalised stream, over what all norms give on
/// texts that the model tells itself. With Q·Qᵀ = I and v_k·Q = e_{c_k}, channel c_k carries all of direction v_k; reflections
/// leave what is orthogonal to directions and channels as it is.
enum ResidualConcentration {
  /// The map that turns the leading directions of `moment` into `channels`, strongest first.
  ///
  /// - Parameter moment: symmetric, of the stream's width.
  /// - Throws: `LinearAlgebraError` for NaN or infinity.
  /// - Complexity: about 9n³ multiply-adds.
  static func transform(
    of moment: Matrix, into channels: [Int]
  ) throws(LinearAlgebraError) -> DenseTransform {
    let directions = try moment.symmetricEigen().vectors
    var map = Matrix.identity(moment.rows)
    for (place, channel) in channels.enumerated() {
      // The direction as the reflections so far leave it; orthogonal to the channels that are taken.
      let row = Matrix(rows: 1, columns: moment.rows, values: directions.transposed.row(place)) * map
      map = map.reflected(turning: row.values, into: channel)
    }
    return DenseTransform(orthogonal: Tensor(map))
  }

  /// Σ nᵀn over the outputs n of all norms, with their weights taken out, on `texts`.
  static func moment(of model: some WeightSource, _ architecture: Architecture, texts: [[Int]]) throws -> Matrix {
    let outline = architecture.outline
    let embedding = try architecture.embedding(from: model)
    var streams = texts.map { embedding.gatheringRows($0) }
    var moment = Matrix.zeros(outline.hiddenSize, outline.hiddenSize)
    for (index, block) in outline.blocks.enumerated() {
      var weights: [String: Tensor] = [:]
      for group in block.groups { if case .norm(let name) = group.source { weights[name] = try model.tensor(name) } }
      let layer = try architecture.block(index, from: model)
      for (place, stream) in streams.enumerated() {
        streams[place] = layer(stream, state: nil) { group, activation in
          if case .norm(let name) = group.source, let weight = weights[name] {
            // A channel whose weight is zero says nothing.
            moment.addGram(of: activation.scalingColumns(by: weight.map { $0 == 0 ? 0 : 1 / $0 }))
          }
          return true
        }
      }
    }
    return moment
  }
}

extension Matrix {
  /// Row `index`.
  fileprivate func row(_ index: Int) -> [Double] { Array(values[index * columns..<(index + 1) * columns]) }

  /// This matrix times the reflection I − 2uᵀu/(u·uᵀ) with u = v − e_c, which takes the unit vector v to e_c.
  fileprivate func reflected(turning v: [Double], into channel: Int) -> Matrix {
    var u = v
    u[channel] -= 1
    let norm = u.reduce(0) { $0 + $1 * $1 }
    // The direction is the channel already.
    guard norm > 1e-24 else { return self }
    let column = self * Matrix(rows: u.count, columns: 1, values: u)
    let change = column * Matrix(rows: 1, columns: u.count, values: u.map { -2 * $0 / norm })
    return self + change
  }
}
