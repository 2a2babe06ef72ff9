import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor

@testable import WalshQuantization

/// The losses that PyTorch measured on rounded weights; figures from the README of each model.
@Suite("Losses of trained models", .enabled(if: TestFiles.shared("tinystories/stories-1000.json") != nil))
struct LossTests {
  struct Figure: CustomTestStringConvertible {
    let model: String
    let bits: Int?
    let loss: Double
    let tolerance: Double
    var testDescription: String { "\(model), \(bits.map { "\($0) bits" } ?? "full precision")" }
  }

  static let figures = [
    Figure(model: "babyllama/tok361", bits: nil, loss: 0.5688, tolerance: 0.0001),
    Figure(model: "babyllama/tok361", bits: 8, loss: 0.5689, tolerance: 0.0005),
    Figure(model: "babyllama/tok361", bits: 4, loss: 0.6220, tolerance: 0.0005),
    Figure(model: "babyllama/tok361", bits: 3, loss: 1.1587, tolerance: 0.001),
    Figure(model: "babyllama/tok361", bits: 2, loss: 5.5145, tolerance: 0.002),
    Figure(model: "stories260k", bits: nil, loss: 1.3193, tolerance: 0.0001),
    Figure(model: "stories260k", bits: 8, loss: 1.3184, tolerance: 0.0005),
    Figure(model: "stories260k", bits: 4, loss: 1.4864, tolerance: 0.0005),
    Figure(model: "stories260k", bits: 3, loss: 3.0781, tolerance: 0.001),
    Figure(model: "stories260k", bits: 2, loss: 8.9935, tolerance: 0.002),
  ]

  private let stories: [String]

  init() throws {
    let file = try #require(TestFiles.shared("tinystories/stories-1000.json"))
    stories = try #require(JSON(parsing: [UInt8](Data(contentsOf: file))).arrayValue).prefix(30).compactMap(
      \.stringValue)
  }

  /// Nats per token of stories 0…29, each the begin token and text, cut at 256 tokens.
  private func loss(_ model: LanguageModel, _ tokenizer: Tokenizer) -> Double {
    var losses: [Double] = []
    for story in stories {
      let tokens = Array(([1] + tokenizer.encode(story, addingSpecialTokens: false)).prefix(256))
      losses += model.logits(for: Array(tokens.dropLast())).negativeLogLikelihood(of: Array(tokens.dropFirst()))
    }
    return losses.reduce(0, +) / Double(losses.count)
  }

  @Test("Integers with one scale per row, rounded to nearest", arguments: figures)
  func integers(_ figure: Figure) throws {
    let source = try ModelFolder(#require(TestFiles.shared(figure.model + "/hf")))
    let preset = figure.bits.map { Preset(name: "int\($0)", weights: .intPerRow($0)) } ?? .full
    let found = try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      _ = try QuantizationRun(
        source: source.checkpoint, request: QuantizationRequest(method: .rtn, preset: preset), calibration: nil
      ).write(to: output, existing: .refuse)
      return try loss(LanguageModel(Checkpoint(folder: output)), source.tokenizer())
    }
    #expect(abs(found - figure.loss) <= figure.tolerance, "loss \(found)")
  }

  @Test("On a trained model GPTQ loses less than rounding, and a full precision rotation nothing")
  func methods() throws {
    let source = try ModelFolder(#require(TestFiles.shared("babyllama/tok361/hf")))
    let tokenizer = try source.tokenizer()
    let text = try CalibrationText(
      #require(TestFiles.shared("tinystories/stories-1000.json")), tokenizer: tokenizer, beginToken: 1, count: 16,
      context: 128, seed: 0)
    func loss(_ method: QuantizationRequest.Method, _ preset: Preset) throws -> Double {
      try withTemporaryFolder { folder in
        let output = folder.appending(path: "out")
        let request = QuantizationRequest(method: method, preset: preset, samples: 16, context: 128)
        _ = try QuantizationRun(source: source.checkpoint, request: request, calibration: text)
          .write(to: output, existing: .refuse)
        return try self.loss(LanguageModel(Checkpoint(folder: output)), tokenizer)
      }
    }
    #expect(try abs(loss(.rotation, .full) - 0.5688) < 0.0001)
    let int3 = Preset(name: "int3", weights: .intPerRow(3))
    let rounded = try loss(.rtn, int3)
    #expect(try loss(.gptq, int3) < 0.85 * rounded)
  }
}
