import Foundation
import TestSupport
import Testing
import WalshFormats

@testable import WalshQuantization

@Suite("Recipes")
struct RecipeTests {
  @Test("Every key sets what it names")
  func everything() throws {
    let text = """
      # A comment.
      method: rotation
      to: NVFP4
      rotation: two-block
      online-rotations: false
      spinquant: { steps: 20, learning-rate: 0.5, batch: 2, sequence-length: 96 }
      solver: gptq-act-order
      smoothing: 0.25
      samples: 12
      context: 64
      seed: 7
      except: [lm_head, 're:.*k_proj']
      groups:
        mlp.output: { weights: INT8/row, activations: full, transform: none, solver: rtn }
        layers.0.attention.input:
          transform: haar
      """
    let request = try QuantizationRequest(recipe: text, named: "r.yaml")
    #expect(
      request
        == QuantizationRequest(
          method: .rotation, preset: Preset(named: "NVFP4")!, rotation: .twoBlock, usesOnlineRotations: false,
          spinQuant: SpinQuantSettings(steps: 20, learningRate: 0.5, batch: 2, sequenceLength: 96),
          solver: .gptqByActivation, smoothing: 0.25, seed: 7, exceptions: ["lm_head", "re:.*k_proj"], samples: 12,
          context: 64,
          overrides: [
            "mlp.output": GroupOverride(
              weights: .format(.intPerRow(8)), activations: .full, transform: GroupOverride.Transform.none,
              solver: .rtn),
            "layers.0.attention.input": GroupOverride(transform: .rotation(.haar)),
          ]))
    #expect(try QuantizationRequest(recipe: request.recipe, named: "again") == request)
  }

  @Test("NVFP4 in a group is the NVFP4 of the preset")
  func nvfp4() throws {
    let text = "to: NVFP4\ngroups: {mlp.output: {weights: NVFP4, activations: nvfp4}}"
    let plan = try QuantizationRequest(recipe: text, named: "r").plan(for: TinyModel("llama").outline)
    #expect(plan.groups["layers.0.mlp.output"]?.weights == plan.groups["layers.0.mlp.input"]?.weights)
    #expect(plan.groups["layers.0.mlp.output"]?.activations == plan.groups["layers.0.mlp.input"]?.activations)
  }

  @Test("Methods have nodes of their own")
  func methodNodes() throws {
    let text = """
      method: duquant++
      to: MXFP4
      duquant++:
        smoothing: none
        smoothing-weights: all
        block: 16
        scope: per-block
        steps: 12
        index: row
        completion: none
        objective: block-mse
        permutation: zigzag
        rotations: dual
        rows: 99
      duquant: { smoothing: 0.5, block: 64, permutations: 2, steps: 3, index: row, completion: none, weight-clip: 0.9, rows: 7 }
      mr-gptq: { block: 64, scales: absmax }
      """
    let request = try QuantizationRequest(recipe: text, named: "r.yaml")
    #expect(request.method == .duQuantPlusPlus)
    #expect(
      "\(request.duQuantPlusPlus)" == "smoothing none, smoothing-weights all, block 16, scope per-block, steps 12, "
        + "index row, completion none, objective block-mse, permutation zigzag, rotations dual, rows 99")
    #expect(
      "\(request.duQuant)" == "smoothing 0.5, block 64, permutations 2, steps 3, index row, completion none, "
        + "weight-clip 0.9, rows 7")
    #expect("\(request.mrGPTQ)" == "block 64, scales absmax")
    #expect(try QuantizationRequest(recipe: request.recipe, named: "again") == request)
    let reset = try QuantizationRequest(recipe: "to: MXFP4\nmr-gptq: {block: format}", named: "r")
    #expect(reset.mrGPTQ == MRGPTQSettings() && reset.mrGPTQ.blockSize == nil)
  }

  @Test("A recipe of one line takes the defaults")
  func defaults() throws {
    let request = try QuantizationRequest(recipe: "to: int4/64", named: "r")
    #expect(request == QuantizationRequest(method: .rtn, preset: Preset(named: "int4/64")!))
    #expect(try QuantizationRequest(recipe: request.recipe, named: "r") == request)
  }

  /// A recipe that must be refused, and what the sentence must say.
  struct Hostile: CustomTestStringConvertible {
    let text: String
    let sentence: String
    var testDescription: String { sentence }
  }

  static let hostile: [Hostile] = [
    Hostile(text: "", sentence: "r.yaml: the recipe is empty"),
    Hostile(text: "# nothing\n", sentence: "r.yaml: the recipe is empty"),
    Hostile(text: "MXFP4", sentence: "r.yaml: there must be keys with values here"),
    Hostile(text: "- to\n- MXFP4", sentence: "r.yaml: there must be keys with values here"),
    Hostile(text: "method: rtn", sentence: "r.yaml: the recipe does not say what to quantize to"),
    Hostile(text: "to: MXFP5", sentence: "r.yaml, to: there is no MXFP5; use NVFP4"),
    Hostile(text: "to: [MXFP4]", sentence: "r.yaml, to: there must be a word here."),
    Hostile(text: "to:", sentence: "r.yaml, to: there must be a word here."),
    Hostile(text: "to: MXFP4\nmethods: rtn", sentence: "r.yaml, methods: there is no such key; use method, to"),
    Hostile(text: "to: MXFP4\nto: NVFP4", sentence: "the key to is given twice."),
    Hostile(text: "to: MXFP4\nmethod: magic", sentence: "r.yaml, method: there is no magic; use rtn, gptq"),
    Hostile(text: "to: MXFP4\nrotation: 3", sentence: "r.yaml, rotation: there is no 3; use hadamard"),
    Hostile(text: "to: MXFP4\nspinquant: 100", sentence: "r.yaml, spinquant: there must be keys with values here"),
    Hostile(
      text: "to: MXFP4\nspinquant: {lr: 1}",
      sentence: "r.yaml, spinquant.lr: there is no such key; use steps, learning-rate, batch, sequence-length."),
    Hostile(
      text: "to: MXFP4\nspinquant: {learning-rate: 0}",
      sentence: "r.yaml, spinquant.learning-rate: 0 is no number from"
    ),
    Hostile(
      text: "to: MXFP4\nspinquant: {steps: 0}", sentence: "r.yaml, spinquant.steps: 0 is no whole number from 1"),
    Hostile(text: "to: MXFP4\nsolver: {a: b}", sentence: "r.yaml, solver: there must be a word here."),
    Hostile(text: "to: MXFP4\nsmoothing: .nan", sentence: "r.yaml, smoothing: .nan is no number from 0.0 to 1.0."),
    Hostile(text: "to: MXFP4\nsmoothing: nan", sentence: "r.yaml, smoothing: nan is no number from 0.0 to 1.0."),
    Hostile(text: "to: MXFP4\nsmoothing: 1.5", sentence: "r.yaml, smoothing: 1.5 is no number"),
    Hostile(text: "to: MXFP4\nsamples: 0", sentence: "r.yaml, samples: 0 is no whole number from 1"),
    Hostile(text: "to: MXFP4\nsamples: 1e3", sentence: "r.yaml, samples: 1e3 is no whole number"),
    Hostile(
      text: "to: MXFP4\ncontext: 99999999999999999999", sentence: "r.yaml, context: 99999999999999999999 is no"),
    Hostile(text: "to: MXFP4\nseed: -1", sentence: "r.yaml, seed: -1 is no whole number from 0"),
    Hostile(
      text: "to: MXFP4\nonline-rotations: yes", sentence: "r.yaml, online-rotations: yes is neither true nor false"),
    Hostile(text: "to: MXFP4\nexcept: lm_head", sentence: "r.yaml, except: there must be a list here"),
    Hostile(text: "to: MXFP4\nexcept: [[a]]", sentence: "r.yaml, except[0]: there must be a word here."),
    Hostile(text: "to: MXFP4\ngroups: [a]", sentence: "r.yaml, groups: there must be keys with values here"),
    Hostile(
      text: "to: MXFP4\ngroups: {mlp.output: {weight: MXFP4}}",
      sentence: "r.yaml, groups.mlp.output.weight: there is no such key; use weights, activations, transform, solver."
    ),
    Hostile(
      text: "to: MXFP4\ngroups: {mlp.output: {weights: INT9}}",
      sentence: "r.yaml, groups.mlp.output.weights: there is no INT9; use full, MXFP4"),
    Hostile(
      text: "to: MXFP4\ngroups: {mlp.output: {transform: dense}}",
      sentence: "r.yaml, groups.mlp.output.transform: there is no dense; use none, smoothing, hadamard"),
    Hostile(
      text: "to: MXFP4\nduquant++: {steps: -1}", sentence: "r.yaml, duquant++.steps: -1 is no whole number from 0"),
    Hostile(
      text: "to: MXFP4\nduquant++: {index: token}",
      sentence: "r.yaml, duquant++.index: there is no token; use channel, row"
    ),
    Hostile(
      text: "to: MXFP4\nduquant++: {scale: log256}",
      sentence: "r.yaml, duquant++.scale: there is no such key; use smoothing, smoothing-weights, block"),
    Hostile(text: "to: MXFP4\nduquant++: 3", sentence: "r.yaml, duquant++: there must be keys with values here"),
    Hostile(
      text: "to: MXFP4\nduquant: {smoothing: 2}",
      sentence: "r.yaml, duquant.smoothing: 2 is no number from 0.0 to 1.0"),
    Hostile(
      text: "to: MXFP4\nmr-gptq: {block: 48}", sentence: "r.yaml, mr-gptq.block: there is no 48; use format, 2, 4, 8"),
    Hostile(text: "to: MXFP4\n? [a, b]\n: c", sentence: "r.yaml: every key must be a word."),
    Hostile(text: "to: 'MXFP4", sentence: "r.yaml: the recipe is not YAML: "),
    Hostile(text: "to: MXFP4\n---\nto: NVFP4", sentence: "r.yaml: the recipe is not YAML: "),
    Hostile(text: "a: &a [x]\nb: &b [*a, *a]\nto: *b", sentence: "r.yaml: line 1 has an anchor or an alias"),
    Hostile(text: "to: *x", sentence: "r.yaml: line 1 has an anchor or an alias"),
    Hostile(text: "to: \(String(repeating: "[", count: 5000))", sentence: "r.yaml: line 1 is nested deeper"),
    Hostile(text: String(repeating: "- ", count: 5000), sentence: "r.yaml: line 1 is nested deeper"),
    Hostile(text: String(repeating: "{a: ", count: 20), sentence: "r.yaml: line 1 is nested deeper"),
    Hostile(
      text: "to: MXFP4 #" + String(repeating: "x", count: 1 << 16), sentence: "r.yaml: a recipe has at most 64 kB."),
    Hostile(text: "to: MX\u{0}FP4", sentence: "r.yaml"),
  ]

  @Test("What is wrong is named with file and key", arguments: hostile)
  func refused(_ recipe: Hostile) {
    let error = #expect(throws: QuantizationError.self) {
      try QuantizationRequest(recipe: recipe.text, named: "r.yaml")
    }
    let sentence = error?.description ?? ""
    #expect(sentence.contains(recipe.sentence), "\(sentence)")
    #expect(!sentence.contains("\n"))
  }

  @Test("A file that is missing or not text")
  func files() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "r.yaml")
      #expect(throws: QuantizationError.self) { try QuantizationRequest(recipe: file) }
      try Data([0x74, 0x6F, 0x3A, 0xFF, 0xFE]).write(to: file)
      let error = #expect(throws: QuantizationError.self) { try QuantizationRequest(recipe: file) }
      #expect(error?.cause == "the recipe is not UTF-8 text.")
    }
  }

  @Test("The example recipes read, and make plans of a model")
  func examples() throws {
    let folder = TestFiles.root.appending(path: "Examples/recipes")
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "yaml" }
    #expect(files.count >= 3)
    for file in files {
      let request = try QuantizationRequest(recipe: file)
      _ = try request.plan(for: TinyModel("llama").outline)
      #expect(try QuantizationRequest(recipe: request.recipe, named: "again") == request)
    }
  }
}
