import Foundation
import TestSupport
import Testing
import WalshFormats

@testable import WalshCheckpoints

@Suite("quantization_config")
struct QuantizationConfigurationTests {
  private func read(_ json: JSON) throws -> QuantizationConfiguration? {
    try ModelConfiguration(
      ["model_type": "llama", "quantization_config": json], url: URL(filePath: "/model/config.json")
    ).quantization()
  }

  /// The members of an object in the order of their keys, at every depth; `null` members and those of 0.20 that may be
  /// absent are left out.
  private func canonical(_ json: JSON) -> JSON {
    switch json {
    case .object(let object):
      let kept = object.members.filter { !$0.value.isNull && $0.key != "observer" }
      return .object(JSONObject(kept.sorted { $0.key < $1.key }.map { ($0.key, canonical($0.value)) }))
    case .array(let elements): return .array(elements.map(canonical))
    default: return json
    }
  }

  @Test("What the library writes is read, and written with the same members", arguments: Golden.folders)
  func golden(folder: String) throws {
    let configuration = try ModelConfiguration(reading: Golden.url("\(folder)/config.json"))
    let quantization = try #require(try configuration.quantization())
    let original = try #require(configuration.json["quantization_config"])
    #expect(canonical(quantization.json) == canonical(original))
    #expect(quantization.ignore == [ModulePattern(exactly: "lm_head")])
    #expect(quantization.group(for: "model.layers.0.mlp.up_proj")?.name == "group_0")
    #expect(quantization.group(for: "lm_head") == nil)
    #expect(quantization.group(for: "model.norm", className: "LlamaRMSNorm") == nil)
  }

  @Test("A model without quantization_config is not quantized")
  func plain() throws {
    #expect(try ModelConfiguration(reading: Golden.url("source/config.json")).quantization() == nil)
  }

  @Test("Presets are written as the specification shows and read back", arguments: QuantizationPreset.allCases)
  func presets(preset: QuantizationPreset) throws {
    let configuration = QuantizationConfiguration(
      groups: [.init(preset)], ignore: [ModulePattern(exactly: "lm_head"), try #require(ModulePattern("re:.*gate$"))])
    #expect(try read(configuration.json) == configuration)
    #expect(configuration.json["format"]?.stringValue == preset.format.rawValue)
    let weights = try #require(configuration.json["config_groups"]?["group_0"]?["weights"])
    #expect(weights["dynamic"] == false)
    let inputs = configuration.json["config_groups"]?["group_0"]?["input_activations"]
    #expect(inputs?.isNull == (preset.inputActivations == nil))
    if preset == .nvfp4 { #expect(inputs?["dynamic"] == "local") }
    #expect(try read(["config_groups": [.init(stringLiteral: preset.rawValue): ["Linear"]]] as JSON) != nil)
  }

  @Test("Formats of activations have arguments, and the arguments the format")
  func activations() {
    for format: NumericFormat in [.nvfp4(.compressedTensors), .mxfp4(.even), .intPerRow(8), .intPerRow(4)] {
      #expect(QuantizationArguments(activations: format)?.activationFormat == format)
    }
    for preset in QuantizationPreset.allCases {
      let inputs = preset.inputActivations
      #expect(inputs?.activationFormat.flatMap { QuantizationArguments(activations: $0) } == inputs)
    }
    for format: NumericFormat in [.nvfp4OneLevel, .mxfp8, .fp8e4m3, .int(8, group: 32), .mxfp4(.staticThreeQuarters)]
    {
      #expect(QuantizationArguments(activations: format) == nil)
    }
  }

  @Test("Groups of several formats, transforms and a cache scheme survive the way through JSON")
  func everything() throws {
    let down = try #require(ModulePattern("re:.*down_proj$"))
    let configuration = QuantizationConfiguration(
      groups: [
        .init(name: "group_0", .nvfp4, targets: [down]), .init(name: "group_1", .w4a16),
        .init(
          name: "group_2", targets: [ModulePattern(exactly: "model.layers.0.mlp.up_proj")], format: .packedIntegers,
          weights: QuantizationArguments(bits: 3, kind: .integer, strategy: .channel)),
      ],
      ignore: [ModulePattern(exactly: "lm_head")],
      transforms: [
        TransformScheme(
          name: "R4", kind: .hadamard, blockSize: 128,
          applications: [
            .init(targets: [down], location: .input),
            .init(targets: [down], location: .weightInput, isInverse: true, ignore: [ModulePattern(exactly: "x")]),
          ])
      ],
      keyValueCache: QuantizationArguments(bits: 8, kind: .float, strategy: .tensor))
    #expect(configuration.format == "mixed-precision")
    #expect(try read(configuration.json) == configuration)
    #expect(configuration.group(for: "model.layers.3.mlp.down_proj")?.name == "group_0")
    #expect(configuration.group(for: "model.layers.3.mlp.up_proj")?.name == "group_1")
    #expect(configuration.group(for: "model.layers.0.mlp.up_proj")?.name == "group_2")
    #expect(configuration.transforms[0].onlineApplications.count == 1)
    #expect(configuration.transforms[0].applications[0].applies(to: "model.layers.3.mlp.down_proj"))
    #expect(!configuration.transforms[0].applications[1].applies(to: "x"))
    let written = try #require(configuration.json["transform_config"]?["config_groups"]?["R4"])
    #expect(written["type"] == "hadamard")
    #expect(written["head_dim"]?.intValue == 128)
    #expect(written["apply"]?.arrayValue?[1]["location"] == "weight_input")
  }

  @Test("Expressions match from the start of the path, names match whole")
  func patterns() throws {
    let gate = try #require(ModulePattern("re:.*mlp.gate$"))
    #expect(gate.matches("model.layers.0.mlp.gate"))
    #expect(!gate.matches("model.layers.0.mlp.gate_proj"))
    let start = try #require(ModulePattern("re:mlp"))
    #expect(start.matches("mlp.up") && !start.matches("layers.mlp.up"))
    #expect(!ModulePattern(exactly: "lm_head").matches("model.lm_head"))
    #expect(ModulePattern(exactly: "Linear").matches("anything"))
    #expect(ModulePattern("re:(") == nil)
    #expect(ModulePattern("re:a") != ModulePattern("re:b"))
  }

  /// A configuration whose `weights` has one field changed.
  private static func weights(_ key: String, _ value: JSON, format: String = "nvfp4-pack-quantized") -> JSON {
    var weights: JSONObject = [
      "num_bits": 4, "type": "float", "strategy": "tensor_group", "group_size": 16, "symmetric": true,
      "dynamic": false,
    ]
    weights[key] = value
    return ["format": .string(format), "config_groups": ["g": ["targets": ["Linear"], "weights": .object(weights)]]]
  }

  private static func group(_ key: String, _ value: JSON) -> JSON {
    var group: JSONObject = [
      "targets": ["Linear"], "format": "mxfp4-pack-quantized",
      "weights": ["num_bits": 4, "type": "float", "strategy": "group", "group_size": 32],
    ]
    group[key] = value
    return ["config_groups": ["g": .object(group)]]
  }

  @Test(
    "What Walsh cannot read is refused by a sentence that names the field",
    arguments: [
      ("nvfp4", "quantization_config is a string"),
      ([:], "config_groups is missing"),
      (["quant_method": "gptq"], "quant_method is \"gptq\"; only compressed-tensors"),
      (["quantization_status": "frozen"], "quantization_status is \"frozen\""),
      (["sparsity_config": ["format": "sparse-24-bitmask"]], "sparse weights are not supported"),
      (["config_groups": [:]], "config_groups is missing or empty"),
      (["config_groups": ["g": 1]], "config_groups.g is a number"),
      (["config_groups": ["g": .null]], "config_groups.g is null"),
      (["config_groups": ["UNKNOWN": ["Linear"]]], "config_groups.UNKNOWN is an array"),
      (group("targets", []), "g.targets is missing or empty"),
      (group("targets", ["re:("]), "no regular expression"),
      (group("targets", [1]), "targets must be a list of text"),
      (group("format", .null), "g.format is missing"),
      (group("format", "marlin-24"), "g.format is \"marlin-24\"; supported are nvfp4-pack-quantized"),
      (group("format", "int-quantized"), "weights.type must be int"),
      (group("weights", .null), "g.weights is missing"),
      (group("output_activations", ["num_bits": 8]), "output_activations is not supported"),
      (
        group("input_activations", ["num_bits": 8, "strategy": "tensor"]),
        "input_activations.strategy is tensor with 8 bits"
      ),
      (weights("num_bits", 0), "weights.num_bits is 0"),
      (weights("num_bits", 6), "weights.num_bits is 6; it must be 4"),
      (weights("num_bits", "4"), "weights.num_bits is \"4\""),
      (weights("type", "int"), "weights.type must be float"),
      (weights("type", "complex"), "weights.type is \"complex\""),
      (weights("strategy", "block"), "weights.strategy is \"block\""),
      (weights("strategy", "channel"), "weights.strategy is channel; it must be tensor_group"),
      (weights("group_size", 32), "weights.group_size must be 16"),
      (weights("group_size", 0), "weights.group_size must be a positive number"),
      (weights("group_size", -2), "weights.group_size is -2"),
      (weights("group_size", .null), "weights.group_size must be a positive number"),
      (weights("symmetric", false), "zero points are not supported"),
      (weights("dynamic", true), "weights.dynamic must be false"),
      (weights("dynamic", "global"), "weights.dynamic is \"global\""),
    ] as [(JSON, String)])
  func refused(json: JSON, cause: String) {
    let error = #expect(throws: CheckpointError.self) { try read(json) }
    #expect(error?.cause.contains(cause) == true, "\(error?.description ?? "no error")")
  }

  @Test(
    "Impossible transforms are refused by a sentence",
    arguments: [
      (["type": "kronecker"], "R.type is \"kronecker\""), ([:], "R.type is missing"),
      (["type": "hadamard", "head_dim": 12], "R.head_dim is 12"),
      (["type": "random-hadamard", "head_dim": -4], "R.head_dim is -4"),
      (["type": "hadamard", "apply": 3], "R.apply is a number"),
      (["type": "hadamard", "apply": [3]], "R.apply[0] is a number"),
      (["type": "hadamard", "apply": [["targets": ["x"]]]], "R.apply[0].location is missing"),
      (["type": "hadamard", "apply": [["targets": ["x"], "location": "there"]]], "apply[0].location is \"there\""),
    ] as [(JSON, String)])
  func refusedTransforms(scheme: JSON, cause: String) throws {
    var json = try #require(
      QuantizationConfiguration(groups: [.init(.mxfp4)], ignore: []).json.objectValue)
    json["transform_config"] = ["config_groups": ["R": scheme]]
    let error = #expect(throws: CheckpointError.self) { try read(.object(json)) }
    #expect(error?.cause.contains(cause) == true, "\(error?.description ?? "no error")")
  }
}
