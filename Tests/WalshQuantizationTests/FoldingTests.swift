import TestSupport
import Testing
import WalshModels
import WalshTensor
import WalshTransforms

@testable import WalshQuantization

@Suite("Folding transforms into weights")
struct FoldingTests {
  private static let norm = LinearGroup(
    id: "n", role: "r", layers: ["q", "k"], width: 8, source: .norm(weight: "norm"))
  private static let gated = LinearGroup(
    id: "g", role: "r", layers: ["down"], width: 8, source: .gatedProduct(producer: "up"))
  /// Four query heads of two channels on two value heads.
  private static let attention = LinearGroup(
    id: "a", role: "r", layers: ["o"], width: 8,
    source: .valueHeads(producer: "v", heads: 4, keyHeads: 2, headSize: 2))

  private static func weights() -> BlockWeights {
    BlockWeights(tensors: [
      "norm": normal([8], "norm"), "q.weight": normal([6, 8], "q"), "k.weight": normal([4, 8], "k"),
      "up.weight": normal([8, 5], "up"), "up.bias": normal([8], "up bias"), "down.weight": normal([5, 8], "down"),
      "v.weight": normal([4, 5], "v"), "v.bias": normal([4], "v bias"), "o.weight": normal([5, 8], "o"),
    ])
  }

  private static let diagonal = DiagonalTransform([1, 2, 0.5, 1.5, 3, 0.75, 1.25, 1])

  /// What the layers of `norm` compute from a normalised stream.
  private func afterNorm(_ w: BlockWeights, _ x: Tensor) throws -> Tensor {
    let n = w.inputStage(of: Self.norm)(x.scalingColumns(by: try w.tensor("norm")))
    return try w.linear("q")(n)
  }

  /// What `down` computes of a gate and the input of `up`.
  private func afterProduct(_ w: BlockWeights, gate: Tensor, _ x: Tensor) throws -> Tensor {
    try w.linear("down")(w.inputStage(of: Self.gated)(gate * w.linear("up")(x)))
  }

  /// What `o` computes of mixtures: head h mixes the tokens of value head h / 2 by the matrix of its own in `mixing`.
  private func afterAttention(_ w: BlockWeights, mixing: [Tensor], _ x: Tensor) throws -> Tensor {
    let v = try w.linear("v")(x)
    let tokens = x.rowCount
    var mixed = Tensor.zeros([tokens, 8])
    for head in 0..<4 {
      let values = Tensor(shape: [tokens, 2]) { out in
        for t in 0..<tokens { for c in 0..<2 { out[t * 2 + c] = v[t, head / 2 * 2 + c] } }
      }
      let mixture = mixing[head].matmul(values)
      for t in 0..<tokens { for c in 0..<2 { mixed[t, head * 2 + c] = mixture[t, c] } }
    }
    return try w.linear("o")(w.inputStage(of: Self.attention)(mixed))
  }

  private let x5 = normal([7, 5], "x5")
  private let x8 = normal([7, 8], "x8")
  /// Rows of attention sum to one, as a softmax's do: the biases of values pass through.
  private let mixing = (0..<4).map { head in
    let raw = normal([7, 7], "mix\(head)").map(abs)
    return raw.scalingRows(by: Tensor((0..<7).map { 1 / Float(raw.row($0).sum) }))
  }

  @Test("A norm's weight moves into the layers behind it and becomes one")
  func foldNorm() throws {
    var w = Self.weights()
    let before = try afterNorm(w, x8)
    try w.foldNorms(of: [Self.norm, Self.gated])
    #expect(try w.tensor("norm") == Tensor(shape: [8], repeating: 1))
    #expect(relativeError(try afterNorm(w, x8), before) < 1e-6)
    #expect(w.changed == ["norm", "q.weight", "k.weight"])
  }

  @Test("A rotation of the residual stream: readers and writers")
  func residual() throws {
    var w = Self.weights()
    try w.foldNorms(of: [Self.norm])
    let rotation = try Rotation.randomizedHadamard(8, RandomStream(seed: 1, purpose: "test"))
    let before = (try afterNorm(w, x8), try w.linear("up")(x5))
    try w.rotateResidual(by: rotation, readers: [Self.norm, Self.gated], writers: ["up"])
    #expect(relativeError(try afterNorm(w, x8.transformed(by: rotation)), before.0) < 1e-6)
    #expect(relativeError(try w.linear("up")(x5), before.1.transformed(by: rotation)) < 1e-6)
    #expect(w.changed.contains("up.bias") && !w.changed.contains("down.weight"))
  }

  @Test("A norm absorbs a diagonal")
  func diagonalInNorm() throws {
    var w = Self.weights()
    let before = try afterNorm(w, x8)
    try w.apply(Self.diagonal, to: Self.norm)
    #expect(w.online.isEmpty)
    #expect(try w.tensor("norm") != Self.weights().tensor("norm"))
    #expect(relativeError(try afterNorm(w, x8), before) < 1e-6)
  }

  @Test("A gated product absorbs a diagonal, with the bias of its producer")
  func diagonalInProduct() throws {
    var w = Self.weights()
    let before = try afterProduct(w, gate: x8, x5)
    try w.apply(Self.diagonal, to: Self.gated)
    #expect(w.online.isEmpty && w.changed == ["down.weight", "up.weight", "up.bias"])
    #expect(relativeError(try afterProduct(w, gate: x8, x5), before) < 1e-6)
  }

  @Test("Value heads absorb a diagonal that their query heads agree on")
  func diagonalInHeads() throws {
    var w = Self.weights()
    let before = try afterAttention(w, mixing: mixing, x5)
    try w.apply(DiagonalTransform([2, 3, 2, 3, 0.5, 4, 0.5, 4]), to: Self.attention)
    #expect(w.online.isEmpty && w.changed == ["o.weight", "v.weight", "v.bias"])
    #expect(relativeError(try afterAttention(w, mixing: mixing, x5), before) < 1e-6)
  }

  @Test("Value heads absorb one map of a head, whatever it is")
  func mapInHeads() throws {
    var w = Self.weights()
    let before = try afterAttention(w, mixing: mixing, x5)
    let map = try DenseTransform(Tensor([1, 2, -0.5, 3], shape: [2, 2]))
    try w.apply(BlockDiagonalTransform(block: map, count: 4), to: Self.attention)
    #expect(w.online.isEmpty)
    #expect(relativeError(try afterAttention(w, mixing: mixing, x5), before) < 1e-5)
  }

  @Test("Value heads absorb a map of each that its query heads agree on")
  func mapsInHeads() throws {
    let maps = try [[1, 2, -0.5, 3], [0.5, 1, 1, -1]].map { try DenseTransform(Tensor($0, shape: [2, 2])) }
    let before = try afterAttention(Self.weights(), mixing: mixing, x5)
    for (order, folds) in [([0, 0, 1, 1], true), ([0, 1, 1, 0], false)] {
      var w = Self.weights()
      try w.apply(BlockDiagonalTransform(blocks: order.map { maps[$0] }), to: Self.attention)
      #expect(w.online.isEmpty == folds)
      #expect(relativeError(try afterAttention(w, mixing: mixing, x5), before) < 1e-5)
    }
  }

  @Test("What a source cannot absorb stays online, and nothing else changes")
  func refusals() throws {
    let hadamard = try HadamardTransform(order: 8)
    for group in [Self.norm, Self.gated, Self.attention] {
      var w = Self.weights()
      let before = try result(of: group, w)
      try w.apply(hadamard, to: group)
      #expect(w.online[group.id] != nil)
      #expect(w.changed == Set(group.layers.map { $0 + ".weight" }))
      #expect(relativeError(try result(of: group, w), before) < 1e-6)
    }
    // Heads of one value head that disagree.
    var w = Self.weights()
    let before = try result(of: Self.attention, w)
    try w.apply(Self.diagonal, to: Self.attention)
    #expect(w.online["a"] != nil && w.changed == ["o.weight"])
    #expect(relativeError(try result(of: Self.attention, w), before) < 1e-6)
  }

  @Test("Of a composition, the parts in front are folded and the rest is online")
  func composition() throws {
    let hadamard = try HadamardTransform(order: 8)
    for group in [Self.norm, Self.gated] {
      var w = Self.weights()
      let before = try result(of: group, w)
      try w.apply(CompositeTransform([Self.diagonal, Self.diagonal, hadamard, Self.diagonal]), to: group)
      let rest = try #require(w.online[group.id] as? CompositeTransform)
      #expect(rest.parts.count == 2 && rest.parts[0] is HadamardTransform)
      #expect(relativeError(try result(of: group, w), before) < 1e-6)

      var single = Self.weights()
      try single.apply(CompositeTransform([Self.diagonal, hadamard]), to: group)
      #expect(single.online[group.id] is HadamardTransform)
      #expect(relativeError(try result(of: group, single), before) < 1e-6)
    }
  }

  private func result(of group: LinearGroup, _ w: BlockWeights) throws -> Tensor {
    switch group.id {
    case "n": try afterNorm(w, x8)
    case "g": try afterProduct(w, gate: x8, x5)
    default: try afterAttention(w, mixing: mixing, x5)
    }
  }
}
