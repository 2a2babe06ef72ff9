import WalshFormats
import WalshTensor

/// The linear layers of a group as decoding uses them: behind their input stage, all of them in one product.
struct GroupProjection: Sendable {
  private let stage: InputStage
  private let layers: [Linear]
  private let outputs: Int
  /// The four-bit weights of all layers; nil unless all have one, of one format, and read the same
  /// rounded activation.
  private let weights: InterleavedGroup?

  init(_ stage: InputStage, _ layers: [Linear]) {
    self.stage = stage
    self.layers = layers
    outputs = layers.reduce(0) { $0 + $1.outputCount }
    let matrices = layers.compactMap { layer -> InterleavedMatrix? in
      if case .interleaved(let weight) = layer.weight { weight } else { nil }
    }
    let roundTogether = layers.allSatisfy { $0.activation == nil }
    weights = roundTogether && matrices.count == layers.count ? InterleavedGroup(matrices) : nil
  }

  /// The outputs of all layers, one layer after the other, for one token: the bits of `Linear` behind `InputStage`.
  ///
  /// - Parameters:
  ///   - x: the group's activation, shape `[1, inputs]`; the online transform is done in its place.
  ///   - rows: memory for the quantized activation.
  ///   - y: becomes the outputs, shape `[outputs]`; keeps its memory if it has as many values.
  func callAsFunction(_ x: inout Tensor, _ rows: inout QuantizedRows?, into y: inout Tensor) {
    if y.count != outputs { y = .zeros([outputs]) }
    guard let weights else { return write(stage(x, for: layers), to: &y) }
    if !stage.quantize(&x, for: weights.matrices[0], into: &rows) {
      let input = stage(x, for: layers)
      guard case .rows(let made, _) = input else { return write(input, to: &y) }
      rows = made
    }
    guard let quantized = rows else { return }
    y.withUnsafeMutableBufferPointer { weights.multiply(quantized, into: $0) }
    addBiases(to: &y)
  }

  /// Writes what the layers give one by one.
  private func write(_ input: LayerInput, to y: inout Tensor) {
    let results = layers.map { $0(input) }
    y.withUnsafeMutableBufferPointer { y in
      var start = 0
      for result in results {
        result.withUnsafeBufferPointer { for i in $0.indices { y[start + i] = $0[i] } }
        start += result.count
      }
    }
  }

  private func addBiases(to y: inout Tensor) {
    guard layers.contains(where: { $0.bias != nil }) else { return }
    y.withUnsafeMutableBufferPointer { y in
      var start = 0
      for layer in layers {
        layer.bias?.withUnsafeBufferPointer { for i in $0.indices { y[start + i] += $0[i] } }
        start += layer.outputCount
      }
    }
  }
}

extension Tensor {
  /// Becomes a row of `columns` values, which are to be overwritten; keeps its memory where it is one already.
  mutating func makeRow(_ columns: Int) {
    if count != columns { self = .zeros([1, columns]) }
  }
}
