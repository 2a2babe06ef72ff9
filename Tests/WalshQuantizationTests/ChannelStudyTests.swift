import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor

@testable import WalshQuantization

@Suite("Channels before and after transforms")
struct ChannelStudyTests {
  @Test("A profile: root mean squares, peak, variation and kurtosis, whatever the cut into rows")
  func profile() {
    let three = Double(3).squareRoot()
    let x = Tensor([1, -2, 0, 3, 2, 0, -1, 2, 0, 1, -2, 0], shape: [4, 3])
    let profile = ChannelProfile(x)
    #expect(profile.magnitudes == [three, 2, 0])
    #expect(profile.maxima == [3, 2, 0])
    #expect(profile.peak == 2 / three)
    // Σx⁴ = 84 + 64, Σx² = 12 + 16.
    #expect(abs(profile.kurtosis - 148 * 12 / 784.0) < 1e-12)
    let mean = (three + 2) / 3
    let spread = ((3 + 4) / 3.0 - mean * mean).squareRoot()
    #expect(abs(profile.variation - spread / mean) < 1e-12)
    var parts = ChannelProfile(x.rows(0..<1))
    parts.add(x.rows(1..<4))
    #expect(parts == profile)
    let zero = ChannelProfile(Tensor.zeros([2, 3]))
    #expect(zero.kurtosis == 0 && zero.variation == 0 && zero.peak == 0)
    #expect(ChannelProfile(Tensor([0, 0, 5], shape: [1, 3])).peak == .infinity)
  }

  @Test("Normal values have kurtosis 3, and a rotation makes outliers normal")
  func flat() {
    let x = normal([400, 64], "values")
    #expect(abs(ChannelProfile(x).kurtosis - 3) < 0.1)
    var scales = [Float](repeating: 1, count: 64)
    scales[5] = 40
    let planted = x.scalingColumns(by: Tensor(scales))
    #expect(ChannelProfile(planted).kurtosis > 50)
    #expect(ChannelProfile(planted).peak > 30)
  }

  private let windows = (0..<3).map { sample in (0..<20).map { 3 + (sample * 11 + $0 * 7) % 56 } }

  @Test("Every transform keeps the exact output, and errors are those of rounding it", arguments: ["llama", "qwen3"])
  func errors(_ kind: String) throws {
    let folder = try ModelFolder(TinyModel(kind).folder)
    let study = try ChannelStudy(folder, windows: windows, format: .intPerRow(4))
    let outline = folder.architecture.outline
    #expect(study.groups.map(\.group) == outline.blocks.flatMap(\.groups))
    #expect(study.tokens == 60)
    for group in study.groups {
      #expect(group.treatments.map(\.name) == TransformCandidate.all.map(\.name))
      let plain = try #require(group.treatments.first)
      for treatment in group.treatments {
        #expect((1e-4...0.5).contains(treatment.outputError), "\(group.group.id) \(treatment.name)")
        #expect((1e-4...0.5).contains(try #require(treatment.weightError)))
        // What the layers compute in full precision does not depend on the treatment.
        for (layer, reference) in zip(treatment.layers, plain.layers) {
          #expect(abs(layer.squaredOutput / reference.squaredOutput - 1) < 1e-4)
        }
      }
    }
    // The first group reads the embedding's norm: measured by hand.
    let weights = CheckpointWeights(folder.checkpoint, architecture: folder.architecture, quantization: nil)
    let embedding = try folder.architecture.embedding(from: weights)
    var profile = ChannelProfile(width: outline.hiddenSize)
    let block = try folder.architecture.block(0, from: weights)
    for window in windows {
      _ = block(embedding.gatheringRows(window), state: nil) { _, activation in
        profile.add(activation)
        return false
      }
    }
    #expect(study.groups[0].treatments[0].activation == profile)
  }

  @Test("A stored model beside its base: folded scales show in the activation, its own rounding in the error")
  func stored() throws {
    try withTemporaryFolder { folder in
      let base = try ModelFolder(TinyModel("llama").folder)
      let output = folder.appending(path: "out")
      let preset = try #require(Preset(named: "W8A8"))
      _ = try TinyModel("llama").run(QuantizationRequest(method: .smoothquant, preset: preset))
        .write(to: output, existing: .refuse)
      let study = try ChannelStudy(stored: ModelFolder(output), base: base, windows: windows)
      #expect(study.names == ["base", "stored"])
      for group in study.groups {
        #expect(group.treatments[0].outputError == 0)
        #expect((1e-7...1e-2).contains(group.treatments[1].outputError))
        #expect(group.treatments[0].activation.magnitudes != group.treatments[1].activation.magnitudes)
        #expect(group.treatments[1].weightError == nil)
      }
      #expect(throws: QuantizationError.self) {
        try ChannelStudy(ModelFolder(output), windows: windows, format: .mxfp4)
      }
      #expect(throws: QuantizationError.self) {
        try ChannelStudy(stored: ModelFolder(output), base: ModelFolder(TinyModel("qwen3").folder), windows: windows)
      }
    }
  }
}
