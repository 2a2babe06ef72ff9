import TestSupport
import Testing
import WalshModels
import WalshTensor
import WalshTransforms

@testable import WalshQuantization

/// Specification 7.1, 1 and 2. Grouped key heads, biases, heads of another size than C/H, C = 4·8 and F = 6·8.
@Suite("FlatQuant changes nothing while nothing is rounded")
struct FlatQuantInvarianceTests {
  private static let tolerance = 1e-5
  static let kinds = ["llama", "llama-biases", "qwen2", "qwen3", "mistral-window"]

  /// What one test leaves on.
  enum Part: String, CaseIterable, CustomTestStringConvertible {
    case pa, pv, po, ph, pug, pd, ca, cug, cd, all
    var testDescription: String { rawValue }
  }

  /// A learned block with `part` alone, and parameters far from the start.
  private func learned(
    _ block: TestBlock, _ part: Part, _ parametrisation: FlatQuantSettings.Parametrisation = .svd
  ) throws -> (LearnedBlock, LearnedParameters) {
    var settings = FlatQuantSettings()
    settings.learnsClipping = false
    settings.parametrisation = parametrisation
    let (whole, start) = try LearnedBlock.start(
      block.calibrationBlock(block.plan(settings)), settings: settings, seed: 5)
    let groups = whole.groups.map { learned in
      var kept = LearnedGroup(group: learned.group)
      let role = learned.group.role
      func keeps(_ own: Part, _ itsRole: String) -> Bool { part == .all || part == own && role == itsRole }
      if keeps(.pa, "attention.input") || keeps(.pug, "mlp.input") || keeps(.pd, "mlp.output") {
        (kept.left, kept.right) = (learned.left, learned.right)
      }
      if keeps(.po, "attention.output") { kept.left = learned.left }
      if keeps(.pv, "attention.output") { kept.right = learned.right }
      if keeps(.ca, "attention.input") || keeps(.cug, "mlp.input") || keeps(.cd, "mlp.output") {
        kept.scale = learned.scale
      }
      return kept
    }
    let result = LearnedBlock(
      plan: whole.plan, groups: groups, keys: part == .ph || part == .all ? whole.keys : nil, keyClip: nil,
      valueClip: nil, tensors: whole.tensors)
    return (result, start.spread())
  }

  @Test("In the training graph, each transform alone and all together", arguments: kinds, Part.allCases)
  func graph(_ kind: String, _ part: Part) throws {
    let block = try TestBlock(kind)
    let (learned, parameters) = try learned(block, part)
    let weights = try learned.weights(parameters, quantizes: false)
    for (x, y) in zip(block.inputs, try block.targets) {
      #expect(relativeError(try block.output(weights, x), y) < Self.tolerance)
    }
  }

  @Test("After fusion, each transform alone and all together", arguments: kinds, Part.allCases)
  func fusion(_ kind: String, _ part: Part) throws {
    let block = try TestBlock(kind)
    let (learned, parameters) = try learned(block, part)
    let fused = try block.solved(Plan(method: "test", preset: .full), learned.result(parameters))
    for (x, y) in zip(block.inputs, try block.targets) {
      #expect(relativeError(try block.output(fused, x), y) < Self.tolerance)
    }
    // What folds leaves nothing to run time.
    let isFolded = [.pv, .ca, .cug, .cd].contains(part)
    #expect(fused.online.isEmpty == (isFolded || part == .ph))
    #expect((fused.keys.keyTransform != nil) == (part == .ph || part == .all))
  }

  @Test("With the matrix itself as the parameter")
  func direct() throws {
    let block = try TestBlock("qwen3")
    let (learned, parameters) = try learned(block, .all, .inverse)
    let weights = try learned.weights(parameters, quantizes: false)
    #expect(try block.error(weights) < Self.tolerance * Self.tolerance)
  }
}
