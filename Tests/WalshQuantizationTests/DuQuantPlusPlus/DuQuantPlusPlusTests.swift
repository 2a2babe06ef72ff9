import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

@testable import WalshQuantization

@Suite("DuQuant++")
struct DuQuantPlusPlusTests {
  /// A request with few steps on few rows.
  private func request(
    _ preset: Preset = .full, _ change: (inout DuQuantPlusPlusSettings) -> Void = { _ in }
  ) -> QuantizationRequest {
    var request = QuantizationRequest(method: .duQuantPlusPlus, preset: preset)
    request.duQuantPlusPlus.search.steps = 8
    request.duQuantPlusPlus.rows = 64
    change(&request.duQuantPlusPlus)
    return request
  }

  /// Every variant, by name.
  static let variants: [(String, @Sendable (inout DuQuantPlusPlusSettings) -> Void)] = [
    ("plain", { _ in }), ("no smoothing", { $0.smoothing = nil }), ("all weights", { $0.smoothingWeights = .all }),
    ("per block", { $0.scope = .perBlock }), ("released index", { $0.search.index = .row }),
    ("no completion", { $0.search.completion = .none }), ("block error", { $0.search.objective = .blockError }),
    ("zigzag", { $0.permutation = .zigzag }), ("dual", { $0.rotations = .dual }),
    ("rotation, zigzag, rotation", { ($0.permutation, $0.rotations) = (.zigzag, .dual) }),
    ("blocks of 8", { $0.blockSize = 8 }), ("per block of 8", { ($0.blockSize, $0.scope) = (8, .perBlock) }),
    ("blocks of 5", { $0.blockSize = 5 }), ("no steps", { $0.search.steps = 0 }),
  ]

  @Test(
    "1. Quantizers off, the model computes what it computed: multi-head and grouped queries, with biases",
    arguments: ["llama", "llama-tied", "llama-biases", "qwen2", "qwen3"], variants.indices)
  func invariant(_ kind: String, _ variant: Int) throws {
    let model = try TinyModel(kind)
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      let run = try model.run(request(.full, Self.variants[variant].1))
      _ = try run.write(to: output, existing: .refuse)
      let result = try Checkpoint(folder: output)
      let logits = try LanguageModel(result).logits(for: model.tokens)
      let error = relativeError(logits, model.model.logits(for: model.tokens))
      #expect(error < 1e-5, "\(Self.variants[variant].0): \(error)")
      #expect(try run.summary().bytesAfter == result.byteCount)
    }
  }

  /// A group with an activation of outlying channels.
  private func transform(
    of group: LinearGroup, _ change: (inout DuQuantPlusPlusSettings) -> Void = { _ in }
  ) throws -> (any LinearTransform, Tensor) {
    let settings = request(.full, change).duQuantPlusPlus
    guard case .calibrated(let calibration) = DuQuantPlusPlusMethod(settings: settings).transform(for: .full) else {
      preconditionFailure("DuQuant++ calibrates its transforms.")
    }
    let x = RotationSearchTests.activation(rows: 100, width: group.width)
    var inputs = InputStatistics(width: group.width, needs: calibration.needs)
    inputs.add(x)
    #expect(inputs.rows.rowCount == 64)
    let weights = group.layers.map { normal([24, group.width], $0) }
    let transform = try calibration.transform(for: group, weights: weights, inputs: inputs)
    let shape = calibration.shape(for: group)
    #expect(OnlineTransform(shape).form == OnlineTransform(transform).form)
    #expect(group.source.rest(of: shape).count == group.source.rest(of: transform).count)
    return (transform, x)
  }

  private static func norm(_ width: Int) -> LinearGroup {
    LinearGroup(id: "n", role: "r", layers: ["q_proj", "k_proj"], width: width, source: .norm(weight: "norm"))
  }

  private static func heads(size: Int) -> LinearGroup {
    LinearGroup(
      id: "o", role: "r", layers: ["o_proj"], width: 4 * size,
      source: .valueHeads(producer: "v", heads: 4, keyHeads: 2, headSize: size))
  }

  @Test("11. Rotations are searched on smoothed activations, and one serves all blocks of a group")
  func shared() throws {
    let (transform, x) = try transform(of: Self.norm(96))
    let parts = try #require(transform as? CompositeTransform).parts
    let smoothing = try #require(parts[0] as? DiagonalTransform)
    let rotation = try #require(parts[1] as? BlockDiagonalTransform)
    #expect(parts.count == 2 && rotation.blocks.count == 1 && rotation.count == 3)
    let z = x.rows(0..<64).transformed(by: smoothing).reshaped(to: [192, 32])
    var search = RotationSearch()
    search.steps = 8
    let stream = RandomStream(seed: 0, purpose: "duquant/n/0", index: 0)
    #expect(rotation.blocks[0].matrix() == Tensor(search(z, format: .mxfp4, stream).rotation))
    #expect(z.transformed(by: rotation.blocks[0]).extremes.range < z.extremes.range)
  }

  @Test("Every block has its own rotation when asked for, and a shorter last block always")
  func ownRotations() throws {
    let (own, _) = try transform(of: Self.norm(96)) { ($0.scope, $0.smoothing) = (.perBlock, nil) }
    let blocks = try #require((own as? CompositeTransform)?.parts[0] as? BlockDiagonalTransform).blocks
    #expect(blocks.map(\.dimension) == [32, 32, 32])
    #expect(blocks[0].matrix() != blocks[1].matrix() && blocks[1].matrix() != blocks[2].matrix())
    let (short, _) = try transform(of: Self.norm(76)) { $0.smoothing = nil }
    let parts = try #require((short as? CompositeTransform)?.parts[0] as? BlockDiagonalTransform).blocks
    #expect(parts.map(\.dimension) == [64, 12] && short.isOrthogonal)
  }

  @Test("A scale is folded everywhere; a rotation behind attention when its blocks divide a head")
  func folds() throws {
    for scope in RotationSearch.Scope.allCases {
      let (whole, _) = try transform(of: Self.heads(size: 64)) { $0.scope = scope }
      #expect(Self.heads(size: 64).source.rest(of: whole).isEmpty, "\(scope)")
      let (straddling, _) = try transform(of: Self.heads(size: 16)) { $0.scope = scope }
      #expect(Self.heads(size: 16).source.rest(of: straddling).count == 1, "\(scope)")
    }
    let (zigzag, _) = try transform(of: Self.heads(size: 64)) { $0.permutation = .zigzag }
    #expect(Self.heads(size: 64).source.rest(of: zigzag).count == 2)
    let gated = LinearGroup(
      id: "d", role: "r", layers: ["down_proj"], width: 64, source: .gatedProduct(producer: "up"))
    let (down, _) = try transform(of: gated)
    #expect(gated.source.rest(of: down).count == 1)
  }

  @Test("A shared rotation is stored as a matrix of 32 that other runtimes read; different ones are not")
  func stored() throws {
    func kinds(_ change: (inout DuQuantPlusPlusSettings) -> Void) throws -> Set<TransformScheme.Kind> {
      try withTemporaryFolder { folder in
        let output = folder.appending(path: "out")
        _ = try TinyModel("llama").run(request(Preset(named: "MXFP4")!, change)).write(to: output, existing: .refuse)
        let schemes = try Checkpoint(folder: output).configuration().quantization()?.transforms ?? []
        return Set(schemes.map(\.kind))
      }
    }
    #expect(try kinds { _ in } == [.randomMatrix])
    #expect(try kinds { ($0.blockSize, $0.scope) = (16, .perBlock) } == [.sequence])
    #expect(try kinds { ($0.blockSize, $0.permutation) = (16, .zigzag) } == [.sequence])
  }

  @Test("An activation of zeros, and of NaN: a rotation all the same, and a sentence")
  func degenerate() throws {
    let group = Self.norm(64)
    guard case .calibrated(let calibration) = DuQuantPlusPlusMethod().transform(for: .full) else {
      preconditionFailure("DuQuant++ calibrates its transforms.")
    }
    var zeros = InputStatistics(width: 64, needs: calibration.needs)
    zeros.add(.zeros([8, 64]))
    let weights = [normal([8, 64], "w"), normal([8, 64], "w2")]
    let parts = try #require(
      try calibration.transform(for: group, weights: weights, inputs: zeros) as? CompositeTransform
    ).parts
    #expect(parts[1].matrix() == .identity(64))
    var broken = InputStatistics(width: 64, needs: calibration.needs)
    broken.add(Tensor((0..<64).map { $0 == 7 ? .infinity : 1 }, shape: [1, 64]))
    let error = #expect(throws: QuantizationError.self) {
      try calibration.transform(for: group, weights: weights, inputs: broken)
    }
    #expect(
      error?.description
        == "n: its activation on the calibration text holds NaN or infinity; check the model and the text.")
  }

  @Test("The same request gives the same bytes, on any number of threads")
  func reproducible() throws {
    let model = try TinyModel("qwen2")
    func bytes(_ workers: Int) throws -> [String: Data] {
      try withTemporaryFolder { folder in
        let output = folder.appending(path: "out")
        try withWorkers(workers) {
          _ = try model.run(request(Preset(named: "MXFP4")!)).write(to: output, existing: .refuse)
        }
        return try contents(of: output)
      }
    }
    #expect(try bytes(1) == bytes(3))
  }

  @Test("The plan says what it will do; GPTQ is the starred variant")
  func summary() throws {
    var request = request(Preset(named: "MXFP4")!)
    let summary = try TinyModel("llama").run(request).summary()
    #expect(
      summary.table.prefix(2) == [
        [
          "attention.input", "0–1", "6", "smoothing 0.6 · rotation 32", "folded + online", "RTN, searched scales",
          "MXFP4", "MXFP4",
        ],
        [
          "attention.output", "0–1", "2", "smoothing 0.6 · rotation 32", "folded + online", "RTN, searched scales",
          "MXFP4", "MXFP4",
        ],
      ])
    #expect(summary.calibrationReason == "smoothing 0.6 · rotation 32 looks at activations")
    request.solver = .gptq
    #expect(try TinyModel("llama").run(request).summary().rows[0].solver == "GPTQ")
    #expect(request.label == "MXFP4 duquant++ gptq")
  }
}
