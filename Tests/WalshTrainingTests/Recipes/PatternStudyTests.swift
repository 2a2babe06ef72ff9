import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor

@testable import WalshTraining

@Suite("AdaHOP 4.1: the study of a model's outlier patterns")
struct PatternStudyTests {
  private let layer = RecipeFixtures.layer()

  /// A matrix whose rows or columns 3 and 40 are 30 times as large.
  private func matrix(_ rows: Int, _ columns: Int, _ pattern: OutlierPattern, _ name: String) -> Tensor {
    var x = RecipeFixtures.normal(rows, columns, name)
    x.withUnsafeMutableBufferPointer { x in
      for i in x.indices {
        let line = pattern == .row ? i / columns : pattern == .column ? i % columns : -1
        if line == 3 || line == 40 { x[i] *= 30 }
      }
    }
    return x
  }

  @Test("patterns that were put in are found, in all 27 combinations")
  func planted() {
    let settings = PatternStudy.Settings()
    for x in OutlierPattern.allCases {
      for w in OutlierPattern.allCases {
        for gradient in OutlierPattern.allCases {
          let found = settings.patterns(
            x: matrix(256, 96, x, "x"), w: matrix(128, 96, w, "w"), e: matrix(256, 128, gradient, "e"))
          #expect(found == LayerPatterns(x: x, w: w, gradient: gradient))
        }
      }
    }
  }

  @Test("the pairs of a product are the patterns of its operands as matrices [m, k] and [k, n]")
  func pairs() {
    let detector = PatternDetector()
    for x in OutlierPattern.allCases {
      for w in OutlierPattern.allCases {
        for gradient in OutlierPattern.allCases {
          let (tx, tw, te) = (matrix(256, 96, x, "x"), matrix(128, 96, w, "w"), matrix(256, 128, gradient, "e"))
          let patterns = LayerPatterns(x: x, w: w, gradient: gradient)
          for (slot, a, b) in [
            (ProductSlot.forward, tx, tw.transposed()), (.inputGradient, te, tw),
            (.weightGradient, te.transposed(), tx),
          ] {
            let pair = PatternTable.Pair(detector.pattern(of: a), detector.pattern(of: b))
            #expect(patterns.pair(in: slot) == pair)
          }
        }
      }
    }
  }

  @Test("errors are those of the recipe's own products, for every product, mode and format")
  func errors() throws {
    var settings = PatternStudy.Settings()
    settings.formats = [.mxfp4, .nvfp4]
    settings.extractionShare = 1
    let (x, w, e) = (matrix(96, 64, .column, "x"), matrix(128, 64, .none, "w"), matrix(96, 128, .row, "e"))
    let measured = settings.errors(x: x, w: w, e: e, layer: layer)
    #expect(Set(measured.keys) == Set(ProductSlot.allCases))
    let exact = RecipeFixtures.run(.fp32, x, w, e)
    for (index, format) in settings.formats.enumerated() {
      for mode in ProductMode.allCases {
        var configuration = AdaHOPConfiguration()
        configuration.format = format
        configuration.roundsStochastically = false
        let found = RecipeFixtures.run(
          TableRecipe(name: "test", products: configuration.products(.all(mode))), x, w, e, layer: layer)
        func check(_ slot: ProductSlot, _ product: Tensor, _ reference: Tensor) throws {
          let error = try #require(measured[slot])[index][mode]
          #expect(abs(error - relativeError(product, reference)) < 1e-5, "\(slot) \(mode) \(format)")
        }
        try check(.forward, found.y, exact.y)
        try check(.inputGradient, found.dx, exact.dx)
        if mode.inWeightGradient == mode { try check(.weightGradient, found.dw, exact.dw) }
      }
    }
    // Rows of outliers on the left of the input gradient: extraction beats rotation, as the table says.
    let best = try #require(measured[.inputGradient])[0]
    #expect(best[.extractLeft] * 2 < best[.hadamard])
    // bfloat16 is no mode of four bits.
    #expect(best[.fullPrecision] < best[.extractLeft])
  }

  @Test("a sixteenth of the lines is extracted, at least one and at most 64")
  func extractedLines() {
    var settings = PatternStudy.Settings()
    #expect([1, 16, 144, 1024, 4096].map { settings.extracted(of: $0) } == [1, 1, 9, 64, 64])
    settings.extractionShare = 1
    #expect(settings.extracted(of: 40) == 40)
  }

  @Test("gathered errors are the root of the mean of squares, and nothing measured is no number")
  func gathering() {
    var sum = ModeErrors()
    #expect(sum[.none].isNaN && sum.best == nil)
    sum.add(ModeErrors([.none: 0.3, .hadamard: 0.1, .fullPrecision: 0.001]))
    sum.add(ModeErrors([.none: 0.4, .hadamard: 0.7, .fullPrecision: 0.001]))
    #expect(abs(sum[.none] - (0.125).squareRoot()) < 1e-15 && abs(sum[.hadamard] - 0.5) < 1e-15)
    #expect(sum.best == ProductMode.none && sum.count == 2)
    #expect(sum[.outerHadamard].isNaN)
  }

  // MARK: Models

  private func architecture(tied: Bool) throws -> Architecture {
    let text = """
      {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 50, "hidden_size": 32,
       "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
       "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": \(tied)}
      """
    let members = try #require(try JSON(parsing: Array(text.utf8)).objectValue)
    return try Architecture(ModelConfiguration(members, url: URL(filePath: "/config.json")))
  }

  private func parameters(of architecture: Architecture) -> [Tensor] {
    architecture.parameters.map { name, shape in
      name.hasSuffix("norm.weight")
        ? Tensor(shape: shape, repeating: 1)
        : Tensor.normal(shape, from: RandomStream(seed: 9, purpose: "test/\(name)")) * 0.2
    }
  }

  @Test(
    "every layer of every block is observed in every window, and the output layer is not", arguments: [true, false])
  func model(tied: Bool) throws {
    let architecture = try architecture(tied: tied)
    var parameters = parameters(of: architecture)
    // A channel of the normalised residual stream that stands out, in both norms of block 1.
    for (index, (name, shape)) in architecture.parameters.enumerated() where name.contains("layers.1.") {
      guard name.hasSuffix("norm.weight") else { continue }
      parameters[index] = Tensor((0..<shape[0]).map { $0 == 5 ? 40 : 1 }, shape: shape)
    }
    let windows = (0..<3).map { w in (0..<41).map { ($0 * 7 + w * 13) % 50 } }
    var updates: [ProgressUpdate] = []
    let study = try PatternStudy(architecture, parameters: parameters, windows: windows) { updates.append($0) }
    #expect(study.layers.map(\.path) == architecture.outline.blocks.flatMap(\.groups).flatMap(\.layers))
    #expect(study.kinds == ["q", "k", "v", "o", "gate", "up", "down"])
    #expect(study.layers.allSatisfy { $0.observations.count == 3 })
    #expect(study.layers.allSatisfy { layer in ProductSlot.allCases.allSatisfy { layer.errors[$0]?[0].count == 3 } })
    #expect(study.windows == 3 && study.tokens == 120)
    #expect(updates.map(\.done) == Array(1...42) && updates.allSatisfy { $0.total == 42 })
    for layer in study.layers
    where layer.path.contains("layers.1.") && ["q", "k", "v", "gate", "up"].contains(layer.kind) {
      #expect(layer.patterns.x == .column, "\(layer.path)")
    }
    // Groups hold every layer once for each product.
    for slot in ProductSlot.allCases {
      #expect(study.groups.filter { $0.slot == slot }.reduce(0) { $0 + $1.layers } == 14)
      let best = study.error(of: slot, format: 0) { $0.errors[slot]?[0].best }
      #expect(best <= study.errors(of: slot, format: 0)[.hadamard] && best > 0)
    }
    let shares = study.shares(of: \.x, kind: "q")
    #expect(abs(shares.values.reduce(0, +) - 1) < 1e-12 && (shares[.column] ?? 0) >= 0.5)
  }

  @Test("what the study sees is what AdaHOP calibrates with")
  func sameAsCalibration() throws {
    let architecture = try architecture(tied: true)
    let parameters = parameters(of: architecture)
    let window = (0..<41).map { $0 * 7 % 50 }
    let study = try PatternStudy(architecture, parameters: parameters, windows: [window])
    var configuration = AdaHOPConfiguration()
    configuration.calibrationSteps = 1
    let recipe = AdaHOPRecipe(configuration)
    let source = ParameterSource(architecture, parameters.map { $0.tracked() }) { path, block in
      RecipeProduct(recipe: recipe, layer: RecipeFixtures.layer(path, block: block))
    }
    var x = try architecture.embedding(from: source).gatheringRows(Array(window.dropLast()))
    for index in 0..<2 {
      let block = try architecture.block(index, from: source)
      x = block(x)
    }
    let loss = try architecture.ends(from: source).logits(x).crossEntropy(of: Array(window.dropFirst()))
    let embedding = try source.tensor("model.embed_tokens.weight")
    _ = loss.gradients(of: [embedding])
    recipe.calibration.endOfStep(0)
    #expect(study.layers.count == recipe.calibration.patterns.count)
    for layer in study.layers { #expect(recipe.calibration.patterns[layer.path] == layer.patterns, "\(layer.path)") }
  }

  @Test("tokens of another tokenizer and losses that are none are refused with a sentence")
  func refused() throws {
    let architecture = try architecture(tied: true)
    var parameters = parameters(of: architecture)
    let stranger = #expect(throws: TrainingError.self) {
      try PatternStudy(architecture, parameters: parameters, windows: [[1, 50]])
    }
    #expect(stranger?.description.contains("50") == true)
    parameters[0] = Tensor(shape: parameters[0].shape, repeating: .nan)
    let damaged = #expect(throws: TrainingError.self) {
      try PatternStudy(architecture, parameters: parameters, windows: [[1, 2, 3]])
    }
    #expect(damaged?.description.contains("not a number") == true)
  }
}
