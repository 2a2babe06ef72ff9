import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor

@testable import WalshQuantization

@Suite("SpinQuant")
struct SpinQuantTests {
  private struct Interruption: Error {}

  private static func request(
    solver: QuantizationRequest.Solver? = nil, steps: Int = 12, to preset: String = "W4A4KV4"
  ) -> QuantizationRequest {
    QuantizationRequest(
      method: .spinquant, preset: Preset(named: preset)!,
      spinQuant: SpinQuantSettings(steps: steps, batch: 3, sequenceLength: 12), solver: solver, seed: 2)
  }

  /// The plan behind learning.
  private func learned(_ run: QuantizationRun) throws -> (Plan, PreparationState) {
    let learning = try #require(run.plan.preparation)
    let state = try learning.prepare(
      run.plan, of: run.architecture, source: run.source, calibration: #require(run.calibration), from: nil
    ) { _ in }
    return (try learning.completed(run.plan, with: state), state)
  }

  // MARK: What it computes

  @Test("Learned rotations change nothing at full precision", arguments: ["llama", "llama-tied", "qwen2", "qwen3"])
  func invariance(_ kind: String) throws {
    let tiny = try TinyModel(kind)
    var (plan, state) = try learned(tiny.run(Self.request()))
    #expect(state.stepsDone == 12 && plan.residual?.isOrthogonal == true)
    let start = try #require(try tiny.run(Self.request()).plan.residual)
    #expect(relativeError(try #require(plan.residual).matrix(), start.matrix()) > 0.05)
    plan.preparation = nil
    plan.cache = nil
    plan.groups = plan.groups.mapValues { GroupPlan(transform: $0.transform) }
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      let run = try QuantizationRun(
        source: tiny.checkpoint, request: Self.request(), plan: plan, calibration: nil)
      _ = try run.write(to: output, existing: .refuse)
      let result = try LanguageModel(Checkpoint(folder: output))
      #expect(relativeError(result.logits(for: tiny.tokens), tiny.model.logits(for: tiny.tokens)) < 1e-5)
    }
  }

  @Test(
    "On a trained model the loss falls, with and without rounded weights",
    arguments: [QuantizationRequest.Solver.gptq, .rtn])
  func learns(_ solver: QuantizationRequest.Solver) throws {
    let folder = try ModelFolder(TestFiles.root.appending(path: "Examples/story-llama"))
    let text = try CalibrationText(
      TestFiles.root.appending(path: "Examples/stories-train.json"), tokenizer: folder.tokenizer(), beginToken: 1,
      count: 4, context: 64, seed: 0)
    // A batch of all samples: every step measures on the same text. With three bits there is much to be gained.
    let preset = Preset(
      name: "W4A3KV4", weights: .intPerRow(4), activations: .intPerRow(3), cache: .intPerRow(4, symmetric: false))
    let request = QuantizationRequest(
      method: .spinquant, preset: preset, spinQuant: SpinQuantSettings(steps: 12, batch: 4, sequenceLength: 64),
      solver: solver)
    let method = SpinQuantMethod(settings: request.spinQuant, solver: solver.weightSolver)
    let outline = folder.architecture.outline
    let (plan, state) = try learned(
      QuantizationRun(
        source: folder.checkpoint, request: request,
        plan: method.plan(for: outline, preset: preset, exceptions: LayerSelection([])), calibration: text))
    let (first, last) = (state.losses.prefix(3).reduce(0, +) / 3, state.losses.suffix(3).reduce(0, +) / 3)
    #expect(last < first - 0.1, "\(state.losses)")
    #expect(plan.remarks.first?.hasPrefix("R1 and R2 learned in 12 steps of 4 × 64 tokens at 1.5; loss ") == true)
  }

  // MARK: Runs

  private func write(_ request: QuantizationRequest, workers: Int = 2) throws -> [String: Data] {
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      _ = try withWorkers(workers) { try TinyModel("qwen3").run(request).write(to: output, existing: .refuse) }
      return try contents(of: output)
    }
  }

  @Test("One thread, two threads: the same bytes", arguments: [QuantizationRequest.Solver.gptq, .rtn])
  func threads(_ solver: QuantizationRequest.Solver) throws {
    let one = try write(Self.request(solver: solver), workers: 1)
    #expect(try write(Self.request(solver: solver), workers: 2) == one)
    #expect(String(decoding: one["README.md"] ?? Data(), as: UTF8.self).contains("- R1 and R2 learned in 12 steps"))
  }

  @Test("Interrupted while learning and behind it, and resumed: the same bytes")
  func resume() throws {
    let whole = try write(Self.request())
    let run = try TinyModel("qwen3").run(Self.request())
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      var firsts: [Int] = []
      // Before a step that nothing is saved of, behind the state of ten steps, at the end, and at the second shard.
      for (total, point) in [(12, 3), (12, 11), (12, 12), (3, 1)] {
        var first: Int?
        #expect(throws: Interruption.self) {
          try run.write(to: output, existing: .resume) { update in
            guard update.label.hasPrefix("learning") || update.total == 3 else { return }
            if update.label.hasPrefix("learning"), first == nil { first = update.done }
            if update.total == total, update.done == point { throw Interruption() }
          }
        }
        firsts.append(first ?? -1)
      }
      // What was saved is not learned again.
      #expect(firsts == [0, 0, 10, -1])
      _ = try run.write(to: output, existing: .resume)
      #expect(try contents(of: output) == whole)
      #expect(try names(in: folder) == ["out"])
    }
  }

  @Test("A damaged state is found; other settings are refused")
  func damaged() throws {
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      func error(_ request: QuantizationRequest, until done: Int? = nil) -> String {
        do {
          _ = try TinyModel("qwen3").run(request).write(to: output, existing: .resume) { update in
            if update.label.hasPrefix("learning"), update.done == done { throw Interruption() }
          }
          return "no error"
        } catch { return "\(error)" }
      }
      #expect(error(Self.request(), until: 11) == "Interruption()")
      #expect(error(Self.request(steps: 13)).contains("it holds an unfinished run of another model, request"))
      let file = folder.appending(path: ".out.partial/.journal/preparation-10.safetensors")
      var bytes = try Data(contentsOf: file)
      bytes[bytes.count - 3] ^= 1
      try bytes.write(to: file)
      #expect(error(Self.request()).contains("what the interrupted run had learned is damaged; pass --force"))
    }
  }

  @Test("A state is read as it was written, bit for bit")
  func states() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "state.safetensors")
      let state = PreparationState(
        matrices: ["R1": Matrix(normal([3, 5], "a")), "layers.0.x": .identity(2)], losses: [0.1, .pi])
      try state.write(to: file)
      #expect(try PreparationState(contentsOf: file) == state)
    }
  }

  // MARK: What it refuses

  @Test("Numbers that get lost end in a sentence")
  func notFinite() throws {
    let run = try TinyModel("llama").run(Self.request())
    let learning = try #require(run.plan.preparation)
    var state = PreparationState(matrices: RotationLearning.start(of: run.plan, run.architecture.outline))
    state.matrices["R1"]?.values[3] = .nan
    let lost = #expect(throws: QuantizationError.self) {
      try learning.prepare(
        run.plan, of: run.architecture, source: run.source, calibration: TinyModel.calibration(), from: state
      ) { _ in }
    }
    #expect(lost?.description == "spinquant, step 1: the loss is not a number; lower its learning-rate, now 1.5.")
    let bent = #expect(throws: QuantizationError.self) { try learning.completed(run.plan, with: state) }
    #expect(bent?.description.hasPrefix("spinquant, R1: what was learned is no rotation") == true)
  }

  @Test("Text without a token to predict, settings out of range, transforms that are known too late")
  func refusals() throws {
    let tiny = try TinyModel("llama")
    let short = CalibrationText(samples: [[5], [6]], source: "short.txt")
    try withTemporaryFolder { folder in
      let error = #expect(throws: QuantizationError.self) {
        try tiny.run(Self.request(), calibration: short).write(to: folder.appending(path: "out"), existing: .refuse)
      }
      #expect(error?.description == "short.txt: no calibration sample has two tokens; use longer texts.")
    }
    func error(_ change: (inout QuantizationRequest) -> Void) -> String {
      var request = Self.request()
      change(&request)
      do {
        _ = try request.plan(for: tiny.outline)
        return "no error"
      } catch { return "\(error)" }
    }
    for change: (inout QuantizationRequest) -> Void in [
      { $0.spinQuant.steps = 0 }, { $0.spinQuant.learningRate = .nan }, { $0.spinQuant.learningRate = 0 },
      { $0.spinQuant.batch = 0 }, { $0.spinQuant.sequenceLength = 1 },
    ] {
      #expect(error(change).contains("steps, batch and learning rate are above zero"))
    }
    #expect(
      error { $0.overrides["mlp.output"] = GroupOverride(transform: .smoothing) }.hasPrefix(
        "groups.layers.0.mlp.output, transform smoothing 0.5: spinquant learns with all transforms in place"))
    #expect(error { $0.overrides["mlp.output"] = GroupOverride(transform: .rotation(.haar)) } == "no error")
    #expect(throws: QuantizationError.self) { try tiny.run(Self.request(), calibration: nil) }
  }

  @Test("The summary says what is learned and what memory the whole model takes")
  func summary() throws {
    let tiny = try TinyModel("llama")
    let summary = try tiny.run(Self.request(solver: .rtn)).summary()
    #expect(summary.preparation == "R1 and R2 learned in 12 steps of 3 × 12 tokens at 1.5")
    #expect(summary.json["preparation"]?.stringValue == summary.preparation)
    #expect(summary.calibrationReason == "spinquant learns from text")
    // The model in Float32, at least.
    let memory = summary.memory
    #expect(memory.preparation > tiny.checkpoint.byteCount)
    #expect(memory.peak >= memory.program + memory.preparation)
    let error = #expect(throws: QuantizationError.self) { try memory.activationLimit(within: memory.minimum - 1) }
    #expect(error?.cause.hasPrefix("learning on the whole model needs ") == true)
    let plain = try tiny.run(QuantizationRequest(method: .rotation, preset: Preset(named: "W4A4KV4")!)).summary()
    #expect(plain.preparation == nil && plain.memory.preparation == 0)
  }
}
