import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

@testable import WalshQuantization

/// Promise 1: with all formats at full precision, no plan changes a logit.
@Suite("At full precision nothing changes")
struct FullPrecisionTests {
  private static let tolerance = 1e-5

  /// The error of the logits of the folder that `request` makes, read back from the disk.
  private func error(of request: QuantizationRequest, on model: TinyModel) throws -> Double {
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      _ = try model.run(request).write(to: output, existing: .refuse)
      let result = try LanguageModel(Checkpoint(folder: output))
      return relativeError(result.logits(for: model.tokens), model.model.logits(for: model.tokens))
    }
  }

  @Test(
    "Methods without a rotation", arguments: TinyModel.kinds, [QuantizationRequest.Method.rtn, .gptq, .smoothquant])
  func methods(_ kind: String, _ method: QuantizationRequest.Method) throws {
    let model = try TinyModel(kind)
    #expect(try error(of: QuantizationRequest(method: method, preset: .full), on: model) < Self.tolerance)
  }

  @Test("Rotations of every kind, folded and online", arguments: TinyModel.kinds, RotationKind.allCases)
  func rotations(_ kind: String, _ rotation: RotationKind) throws {
    let model = try TinyModel(kind)
    for online in [false, true] {
      let request = QuantizationRequest(
        method: .rotation, preset: .full, rotation: rotation, usesOnlineRotations: online, seed: 3)
      #expect(try error(of: request, on: model) < Self.tolerance)
    }
  }

  @Test("A rotation on every group at once, and smoothing where the residual stream is rotated")
  func overrides() throws {
    let model = try TinyModel("qwen3")
    var request = QuantizationRequest(method: .smoothquant, preset: .full)
    for role in ["attention.input", "attention.output", "mlp.input", "mlp.output"] {
      request.overrides[role] = GroupOverride(transform: .rotation(.haar))
    }
    #expect(try error(of: request, on: model) < Self.tolerance)
    request.overrides = [:]
    request.method = .rotation
    request.overrides["attention.input"] = GroupOverride(transform: .smoothing)
    request.overrides["mlp.output"] = GroupOverride(transform: .smoothing)
    #expect(try error(of: request, on: model) < Self.tolerance)
  }

  /// The places of a rotation, as QuaRot and SpinQuant number them.
  enum Place: String, CaseIterable, CustomTestStringConvertible {
    case r1, r2, r3, r4
    var testDescription: String { rawValue }
  }

  @Test("One rotation at a time", arguments: TinyModel.kinds, Place.allCases)
  func places(_ kind: String, _ place: Place) throws {
    let model = try TinyModel(kind)
    let outline = model.outline
    var plan = Plan(method: "test", preset: .full)
    let stream = RandomStream(seed: 5, purpose: "test")
    switch place {
    case .r1: plan.residual = try Rotation.randomizedHadamard(outline.hiddenSize, stream)
    case .r2, .r4:
      for group in outline.blocks.flatMap(\.groups) {
        switch (place, group.source) {
        case (.r2, .valueHeads), (.r4, .gatedProduct):
          let rotation = try RotationKind.randomized.rotation(of: group, stream: stream)
          plan.groups[group.id] = GroupPlan(transform: .fixed(rotation))
        default: continue
        }
      }
    case .r3: plan.keys = try Rotation.randomizedHadamard(#require(outline.blocks[0].attention).headSize, stream)
    }
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      let run = try QuantizationRun(
        source: model.checkpoint, request: QuantizationRequest(method: .rtn, preset: .full), plan: plan,
        calibration: nil)
      _ = try run.write(to: output, existing: .refuse)
      let result = try Checkpoint(folder: output)
      let logits = try LanguageModel(result).logits(for: model.tokens)
      #expect(relativeError(logits, model.model.logits(for: model.tokens)) < Self.tolerance)
      // R1 and R2 leave no trace; R3 and R4 act at run time.
      let stored = try result.configuration().quantization()?.transforms.count ?? 0
      #expect(stored == (place == .r3 || place == .r4 ? 1 : 0))
    }
  }

  @Test("Sequences of steps of every kind, stored as what they are made of")
  func sequences() throws {
    let model = try TinyModel("qwen3")
    var plan = Plan(method: "test", preset: .full)
    var expected: Set<[TransformScheme.Part]> = []
    for (index, group) in model.outline.blocks.flatMap(\.groups).enumerated() {
      let stream = RandomStream(seed: 5, purpose: "test", index: UInt64(index))
      let n = group.width
      let (n1, n2) = KroneckerTransform.balancedFactors(of: n)
      let permutation = PermutationTransform.random(n, stream: stream)
      let product = KroneckerTransform(left: Rotation.haar(n1, stream), right: Rotation.haar(n2, stream))
      let blocks = BlockDiagonalTransform(
        blocks: (0..<2).map { Rotation.haar(n / 2, RandomStream(seed: $0, purpose: "test")) })
      let scales = DiagonalTransform((0..<n).map { 0.5 + Float($0 % 7) })
      let transform: any LinearTransform =
        switch index % 3 {
        case 0: CompositeTransform([permutation, product])
        case 1: CompositeTransform([product, scales])
        default: CompositeTransform([blocks, permutation])
        }
      plan.groups[group.id] = GroupPlan(transform: .fixed(transform))
      expected.insert([[.permutation, .kronecker], [.kronecker, .diagonal], [.blocks, .permutation]][index % 3])
    }
    plan.keys = KroneckerTransform(
      left: IdentityTransform(2),
      right: Rotation.haar(
        try #require(model.outline.blocks[0].attention).headSize / 2, RandomStream(seed: 1, purpose: "keys")))
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      let run = try QuantizationRun(
        source: model.checkpoint, request: QuantizationRequest(method: .rtn, preset: .full), plan: plan,
        calibration: nil)
      _ = try run.write(to: output, existing: .refuse)
      let result = try Checkpoint(folder: output)
      let logits = try LanguageModel(result).logits(for: model.tokens)
      #expect(relativeError(logits, model.model.logits(for: model.tokens)) < Self.tolerance)
      let schemes = try result.configuration().quantization()?.transforms ?? []
      #expect(Set(schemes.map(\.parts)) == expected.union([[.kronecker]]))
      #expect(schemes.allSatisfy { $0.kind == .sequence })
    }
  }

  @Test("A rotation of the stream unties the output layer, others keep it tied")
  func ties() throws {
    let model = try TinyModel("llama-tied")
    for (method, isTied) in [(QuantizationRequest.Method.rotation, false), (.smoothquant, true)] {
      try withTemporaryFolder { folder in
        let output = folder.appending(path: "out")
        _ = try model.run(QuantizationRequest(method: method, preset: .full)).write(to: output, existing: .refuse)
        let result = try Checkpoint(folder: output)
        #expect(result.contains("lm_head.weight") == !isTied)
        #expect(try Architecture(result.configuration()).outline.headIsTied == isTied)
      }
    }
  }
}
