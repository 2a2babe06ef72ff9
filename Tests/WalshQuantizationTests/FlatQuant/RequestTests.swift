import Foundation
import TestSupport
import Testing

@testable import WalshQuantization

@Suite("FlatQuant in requests and recipes")
struct FlatQuantRequestTests {
  @Test("The example recipe asks for the defaults")
  func example() throws {
    let file = TestFiles.root.appending(path: "Examples/recipes/flatquant-w4a4kv4.yaml")
    let request = try QuantizationRequest(recipe: file)
    #expect(request.method == .flatquant && request.preset.name == "W4A4KV4")
    #expect(request.flatQuant == FlatQuantSettings())
  }

  @Test("A recipe with every setting changed reads back as it was written")
  func roundTrip() throws {
    var request = QuantizationRequest(method: .flatquant, preset: try #require(Preset(named: "MXFP4")))
    var settings = FlatQuantSettings()
    (settings.epochs, settings.batchSize, settings.warmUp) = (3, 8, 16)
    (settings.learningRate, settings.clipLearningRate, settings.finalLearningRate) = (0.01, 0.1, 1e-6)
    settings.weightDecay = 0
    (settings.parametrisation, settings.scaleStart) = (.inverse, .ones)
    (settings.learnsTransforms, settings.learnsScales, settings.learnsClipping) = (false, false, false)
    settings.sharedActivationClip = false
    request.flatQuant = settings
    #expect(try QuantizationRequest(recipe: request.recipe, named: "test") == request)
  }

  @Test("A setting that does not exist, and one out of range, are named")
  func errors() {
    for (node, word) in [("epoch: 3", "flatquant.epoch"), ("epochs: 0", "flatquant.epochs"), ("scales: 1", "true")] {
      #expect {
        try QuantizationRequest(recipe: "to: W4A4KV4\nflatquant: { \(node) }\n", named: "r.yaml")
      } throws: { "\($0)".contains(word) }
    }
  }

  @Test("The summary, which the journal compares, names every setting that is not the default")
  func summary() {
    var request = QuantizationRequest(method: .flatquant, preset: .full)
    #expect(request.summary == "full, flatquant, seed 0")
    request.flatQuant.epochs = 3
    request.flatQuant.sharedActivationClip = false
    #expect(request.summary == "full, flatquant, flatquant: 3 epochs, clips per layer, seed 0")
  }
}
