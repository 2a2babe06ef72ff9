import Foundation
import WalshModels
import WalshTensor

/// What the divergence from the model's own predictions feels of a change in each layer's output: one backward pass.
///
/// Targets are drawn from the model's predictions. With g the gradient of a token's −log p of its target with respect to a
/// layer's output y, ½·E[(g·Δy)²] is the divergence that the change Δy causes, to second order (Fisher's information).
struct SensitivityProbe {
  let architecture: Architecture
  let source: UnpackedWeights<CheckpointWeights>
  let seed: UInt64

  /// What the groups of a block read, and what their layers' outputs matter, row by row over all texts.
  struct BlockRecord {
    /// The activation of each group, by id.
    var inputs: [String: Tensor]
    /// The gradient of each layer's output, by path.
    var gradients: [String: Tensor]
  }

  /// The residual streams in front of every block, and behind the last, of each text.
  func streams(_ texts: [[Int]]) throws -> [[Tensor]] {
    let embedding = try architecture.embedding(from: source)
    var streams = [texts.map { embedding.gatheringRows($0) }]
    for layer in architecture.outline.blocks.indices {
      let block = try architecture.block(layer, from: source)
      streams.append(streams[layer].map { block($0) })
    }
    return streams
  }

  /// The gradient of Σ −log p(target) with respect to the stream behind the last block, of each text.
  func endGradients(_ streams: [Tensor]) throws -> [Tensor] {
    let ends = try architecture.ends(from: source)
    return streams.enumerated().map { index, stream in
      let x = stream.tracked()
      let logits = ends.logits(x)
      let targets = Self.draw(
        from: logits, RandomStream(seed: seed, purpose: "auto/targets", index: UInt64(index)))
      return logits.crossEntropy(of: targets).gradients(of: [x])[0] * Float(targets.count)
    }
  }

  /// A column of each row, as likely as the softmax of the row says.
  static func draw(from logits: Tensor, _ stream: RandomStream) -> [Int] {
    (0..<logits.rowCount).map { row in
      let values = logits.row(row).values
      let largest = Double(values.max() ?? 0)
      let weights = values.map { exp(Double($0) - largest) }
      var rest = stream.uniform64(at: row) * weights.reduce(0, +)
      return weights.firstIndex { weight in
        rest -= weight
        return rest < 0
      } ?? values.count - 1
    }
  }

  /// Goes back through block `layer`.
  ///
  /// - Parameters:
  ///   - streams: what the block reads, of each text.
  ///   - gradients: of what it gives; replaced by those of what it reads.
  func record(_ layer: Int, streams: [Tensor], gradients: inout [Tensor]) throws -> BlockRecord {
    let outline = architecture.outline.blocks[layer]
    let paths = outline.groups.flatMap(\.layers)
    var inputs: [String: [Tensor]] = [:]
    var outputs: [String: [Tensor]] = [:]
    for index in streams.indices {
      var offsets: [String: Tensor] = [:]
      for path in paths {
        let rows = try source.linear(path).denseWeight.rowCount
        offsets[path] = Tensor.zeros([streams[index].rowCount, rows]).tracked()
      }
      let x = streams[index].tracked()
      let block = try architecture.block(layer, from: ProbedWeights(base: source, offsets: offsets))
      let y = block(x, state: nil) { group, activation in
        inputs[group.id, default: []].append(activation.detached())
        return true
      }
      let found = y.gradients(of: [x] + paths.compactMap { offsets[$0] }, seed: gradients[index])
      gradients[index] = found[0]
      for (path, gradient) in zip(paths, found.dropFirst()) { outputs[path, default: []].append(gradient) }
    }
    return BlockRecord(
      inputs: inputs.mapValues { Tensor.stackingRows($0) }, gradients: outputs.mapValues { Tensor.stackingRows($0) })
  }
}

/// The parameters of a block whose layers add something to their outputs: zeros, whose gradients are those of the outputs.
private struct ProbedWeights<Base: WeightSource>: WeightSource {
  let base: Base
  let offsets: [String: Tensor]

  func tensor(_ name: String) throws -> Tensor { try base.tensor(name) }

  func linear(_ path: String) throws -> Linear {
    let layer = try base.linear(path)
    guard let offset = offsets[path] else { return layer }
    return Linear(.custom(layer.denseWeight, OffsetProduct(offset: offset)), bias: layer.bias)
  }

  func inputStage(of group: LinearGroup) throws -> InputStage { try base.inputStage(of: group) }
  func keyStage(of site: ModelOutline.AttentionSite) throws -> KeyStage { try base.keyStage(of: site) }
}

/// X·Wᵀ + Z.
private struct OffsetProduct: LinearProduct {
  let offset: Tensor
  func callAsFunction(_ x: Tensor, _ weight: Tensor) -> Tensor { x.matmulTransposed(weight) + offset }
}
