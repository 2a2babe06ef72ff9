import TestSupport
import Testing
import WalshFormats
import WalshModels
import WalshTransforms

@testable import WalshQuantization

@Suite("Plans")
struct PlanTests {
  private let model = try! TinyModel("llama")

  private func request(
    _ method: QuantizationRequest.Method = .rtn, _ preset: Preset = Preset(name: "t", weights: .mxfp4),
    except: [String] = [], overrides: [String: GroupOverride] = [:]
  ) -> QuantizationRequest {
    QuantizationRequest(method: method, preset: preset, exceptions: except, overrides: overrides)
  }

  private func error(_ request: QuantizationRequest) -> String {
    do {
      _ = try request.plan(for: model.outline)
      return "no error"
    } catch { return "\(error)" }
  }

  /// The ids of groups that stay in full precision.
  private func excepted(_ patterns: [String]) throws -> [String] {
    let plan = try request(except: patterns).plan(for: model.outline)
    return plan.groups.filter { $0.value.weights == nil }.keys.sorted()
  }

  @Test("Exceptions by path, by last name, by pattern; a layer takes its group along")
  func exceptions() throws {
    #expect(try excepted([]) == [])
    #expect(try excepted(["model.layers.1.mlp.down_proj"]) == ["layers.1.mlp.output"])
    #expect(try excepted(["o_proj"]) == ["layers.0.attention.output", "layers.1.attention.output"])
    #expect(try excepted(["re:.*layers\\.0\\.self_attn\\.k_proj"]) == ["layers.0.attention.input"])
    #expect(try excepted(["lm_head"]) == [])
    #expect(
      try excepted(["re:model\\.layers\\.0\\."]) == [
        "layers.0.attention.input", "layers.0.attention.output", "layers.0.mlp.input", "layers.0.mlp.output",
      ])
  }

  @Test("A pattern must match from the start of a path, and must match something")
  func unmatched() {
    #expect(error(request(except: ["re:layers"])).hasPrefix("--except re:layers: no layer has this name"))
    #expect(error(request(except: ["proj"])).hasPrefix("--except proj: no layer"))
    #expect(error(request(except: ["re:("])) == "--except re:(: what follows re: is no regular expression.")
    #expect(error(request(except: [""])).hasPrefix("--except : no layer"))
  }

  @Test("Settings out of range are named")
  func ranges() {
    var bad = request(.smoothquant)
    bad.smoothing = .nan
    #expect(error(bad) == "--smoothing nan: the strength must be from 0 to 1.")
    bad = request()
    bad.samples = 0
    #expect(error(bad).contains("at least one sample"))
  }

  @Test("Integer groups shrink to divide the width, down to 32, then to rows")
  func fitted() {
    #expect(NumericFormat.int(4, group: 128).fitted(toWidth: 256) == .int(4, group: 128))
    #expect(NumericFormat.int(4, group: 128).fitted(toWidth: 64) == .int(4, group: 64))
    #expect(NumericFormat.int(4, group: 128).fitted(toWidth: 352) == .int(4, group: 32))
    #expect(NumericFormat.int(4, group: 128).fitted(toWidth: 172) == .intPerRow(4))
    #expect(NumericFormat.int(3, group: 128, symmetric: false).fitted(toWidth: 48) == .intPerRow(3, symmetric: false))
    #expect(NumericFormat.mxfp4.fitted(toWidth: 48) == .mxfp4)
    #expect(NumericFormat.intPerRow(4).fitted(toWidth: 48) == .intPerRow(4))
  }

  @Test("A plan says why it needs text")
  func calibrationReason() throws {
    func reason(_ request: QuantizationRequest) throws -> String? {
      try request.plan(for: model.outline).calibrationReason
    }
    #expect(try reason(request()) == nil)
    #expect(try reason(request(.gptq)) == "GPTQ weighs errors by the inputs of each layer")
    #expect(try reason(request(.gptq, .full)) == nil)
    #expect(try reason(request(.smoothquant, .full)) == "smoothing 0.5 looks at activations")
    let nvfp4 = try #require(Preset(named: "nvfp4"))
    #expect(try reason(request(.rtn, nvfp4)) == "NVFP4 activations have a calibrated tensor scale")
    #expect(try reason(request(.rtn, #require(Preset(named: "MXFP4")))) == nil)
    #expect(throws: QuantizationError.self) { try model.run(request(.gptq), calibration: nil) }
  }

  @Test("Presets by name, in any letter case")
  func presets() throws {
    for preset in Preset.all { #expect(Preset(named: preset.name.lowercased()) == preset) }
    #expect(Preset(named: "int4")?.weights == .intPerRow(4))
    #expect(Preset(named: "INT3/64")?.weights == .int(3, group: 64))
    let named = try #require(Preset(named: "int5/row"))
    #expect(Preset(named: named.name) == named)
    for name in ["", "int", "int1", "int9", "int4/", "int4/0", "int4/-1", "int4/row/x", "int4/x", "MXFP5", "int٤"] {
      #expect(Preset(named: name) == nil, "\(name)")
    }
  }

  @Test("Overrides of a role, then of a group, change what they name")
  func overrides() throws {
    let plan = try request(
      .rotation,
      overrides: [
        "mlp.output": GroupOverride(
          weights: .format(.intPerRow(8)), transform: GroupOverride.Transform.none, solver: .rtn),
        "layers.1.mlp.output": GroupOverride(weights: .full),
        "attention.input": GroupOverride(activations: .format(.mxfp4), transform: .rotation(.block32)),
      ]
    ).plan(for: model.outline)
    let first = try #require(plan.groups["layers.0.mlp.output"])
    #expect(first.weights == .intPerRow(8))
    #expect(first.solver == .roundToNearest(.minMax))
    #expect(first.transform.description == "–")
    #expect(plan.groups["layers.1.mlp.output"]?.weights == nil)
    #expect(plan.groups["layers.0.mlp.input"]?.weights == .mxfp4)
    #expect(plan.groups["layers.0.attention.input"]?.activations == .mxfp4)
    guard case .fixed(let rotation)? = plan.groups["layers.1.attention.input"]?.transform else {
      Issue.record("The override gives a rotation.")
      return
    }
    #expect(rotation.dimension == 32)
  }

  @Test("Overrides never undo an exception, and must name a group of the model")
  func overridesAndExceptions() throws {
    let kept = try request(
      except: ["down_proj"], overrides: ["mlp.output": GroupOverride(weights: .format(.intPerRow(8)))]
    ).plan(for: model.outline)
    #expect(kept.groups["layers.0.mlp.output"]?.weights == nil)
    let wrong = request(overrides: ["mlp.outputs": GroupOverride(solver: .mse)])
    #expect(
      error(wrong)
        == "groups.mlp.outputs: the model has no such group to give solver mse; use a role (attention.input, "
        + "attention.output, mlp.input, mlp.output) or a group such as layers.0.attention.input.")
  }

  @Test("Formats that no checkpoint can store are refused before anything is read")
  func formats() {
    #expect(
      error(request(.rtn, Preset(name: "t", weights: .mxfp8)))
        .hasPrefix("weights MXFP8 of layers.0.attention.input: compressed-tensors checkpoints have no such weights"))
    #expect(
      error(request(.rtn, Preset(name: "t", weights: .mxfp4, activations: .mxfp8)))
        .hasPrefix("activations MXFP8 of layers.0.attention.input:"))
    #expect(
      error(request(.rtn, Preset(name: "t", weights: .mxfp4, activations: .mxfp4(.rceil))))
        == "activations MXFP4-RCEIL of layers.0.attention.input: readers of compressed-tensors checkpoints would compute "
        + "MXFP4 instead; use that.")
    for preset in Preset.all { #expect(error(request(.rtn, preset)) == "no error") }
    #expect(
      error(request(.rtn, .full, overrides: ["mlp.input": GroupOverride(activations: .format(.mxfp4))]))
        .contains("its weights stay in full precision"))
    #expect(error(request(.rtn, Preset(name: "t", weights: .mxfp4, cache: .mxfp4))).hasPrefix("cache MXFP4:"))
  }

  @Test("The summary of a request names everything that changes its result")
  func summary() {
    let base = request(.rotation)
    var others: [QuantizationRequest] = []
    func vary(_ change: (inout QuantizationRequest) -> Void) {
      var other = base
      change(&other)
      others.append(other)
    }
    vary { $0.method = .rtn }
    vary { $0.rotation = .haar }
    vary { $0.usesOnlineRotations = false }
    vary { $0.solver = .mse }
    vary { $0.seed = 1 }
    vary { $0.exceptions = ["lm_head"] }
    vary { $0.overrides = ["mlp.output": GroupOverride(solver: .mse)] }
    vary { $0.overrides = ["mlp.output": GroupOverride(weights: .full)] }
    vary { $0.method = .quarot }
    vary { ($0.method, $0.usesOnlineRotations) = (.quarot, false) }
    for settings in [
      SpinQuantSettings(), SpinQuantSettings(steps: 1), SpinQuantSettings(learningRate: 1),
      SpinQuantSettings(batch: 1), SpinQuantSettings(sequenceLength: 9),
    ] {
      vary { ($0.method, $0.spinQuant) = (.spinquant, settings) }
    }
    vary { $0.method = .duQuant }
    vary { $0.method = .mrGPTQ }
    vary { $0.method = .duQuantPlusPlus }
    vary { ($0.method, $0.duQuant.weightClip) = (.duQuant, 1) }
    vary { ($0.method, $0.mrGPTQ.scales) = (.mrGPTQ, .absmax) }
    vary { ($0.method, $0.duQuantPlusPlus.search.index) = (.duQuantPlusPlus, .row) }
    vary { ($0.method, $0.duQuantPlusPlus.rows) = (.duQuantPlusPlus, 1) }
    #expect(Set(others.map(\.summary) + [base.summary]).count == others.count + 1)
  }
}
