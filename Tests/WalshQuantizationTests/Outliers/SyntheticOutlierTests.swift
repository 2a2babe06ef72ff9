import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshModels
import WalshTensor

@testable import WalshQuantization

@Suite("A copy with outliers computes the same")
struct SyntheticOutlierTests {
  /// The model that `outliers` makes of `kind`, and what stands out.
  private func copy(
    _ kind: String, _ outliers: SyntheticOutliers, _ body: (LanguageModel, OutlierRun.Result) throws -> Void
  ) throws {
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      let result = try OutlierRun(ModelFolder(TinyModel(kind).folder), outliers: outliers).write(to: output)
      try body(LanguageModel(Checkpoint(folder: output)), result)
    }
  }

  @Test("By scales alone, bit for bit", arguments: TinyModel.kinds)
  func scales(_ kind: String) throws {
    let model = try TinyModel(kind)
    let outliers = SyntheticOutliers(channels: 2, scale: 64, concentrates: false, tokenScale: 256, seed: 1)
    try copy(kind, outliers) { copy, result in
      #expect(copy.logits(for: model.tokens) == model.model.logits(for: model.tokens))
      #expect(result.logitDifference == 0)
      #expect(result.tokenChannel != nil)
      #expect(copy.architecture.outline.headIsTied == model.outline.headIsTied)
    }
  }

  @Test("With the residual stream concentrated, up to rounding", arguments: TinyModel.kinds)
  func concentration(_ kind: String) throws {
    let model = try TinyModel(kind)
    try copy(kind, SyntheticOutliers(channels: 2, seed: 2)) { copy, result in
      let error = relativeError(copy.logits(for: model.tokens), model.model.logits(for: model.tokens))
      #expect(error < 1e-5)
      #expect(error > 0)
      #expect(result.logitDifference < 1e-5)
    }
  }

  /// The profile of what each group reads, by id.
  private func profiles(_ model: Checkpoint, _ tokens: [Int]) throws -> [String: ChannelProfile] {
    let architecture = try Architecture(model.configuration())
    let weights = CheckpointWeights(model, architecture: architecture, quantization: nil)
    var x = try architecture.embedding(from: weights).gatheringRows(tokens)
    var profiles: [String: ChannelProfile] = [:]
    for layer in architecture.outline.blocks.indices {
      let block = try architecture.block(layer, from: weights)
      x = block(x, state: nil) { group, activation in
        profiles[group.id] = ChannelProfile(activation)
        return true
      }
    }
    return profiles
  }

  @Test(
    "The chosen channels grow by the factor, no other does, and the profile says so", arguments: ["llama", "qwen3"])
  func growth(_ kind: String) throws {
    let model = try TinyModel(kind)
    let outliers = SyntheticOutliers(channels: 2, scale: 128, concentrates: false, tokenScale: 1, seed: 3)
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      _ = try OutlierRun(ModelFolder(model.folder), outliers: outliers).write(to: output)
      let before = try profiles(model.checkpoint, model.tokens)
      let after = try profiles(Checkpoint(folder: output), model.tokens)
      for group in model.outline.blocks.flatMap(\.groups) {
        let (plain, planted) = (try #require(before[group.id]), try #require(after[group.id]))
        let channels = outliers.channels(of: group)
        #expect(!channels.isEmpty && channels.count <= group.width / 4)
        for channel in 0..<group.width {
          let factor = channels.contains(channel) ? 128.0 : 1
          #expect(abs(planted.magnitudes[channel] - factor * plain.magnitudes[channel]) < 1e-6 * planted.peak)
        }
        #expect(planted.kurtosis > 3 * plain.kurtosis)
        #expect(planted.variation > 2 * plain.variation)
        let largest = channels.map { plain.magnitudes[$0] }.max() ?? 0
        let median = plain.magnitudes.sorted()[group.width / 2]
        // The median moves by a few ranks, since some channels leave the lower half.
        #expect(planted.peak > 0.5 * 128 * largest / median)
      }
    }
  }

  @Test("Norms share their channels, heads of a value head theirs, other groups have their own")
  func channels() throws {
    let outline = try TinyModel("llama").outline
    let outliers = SyntheticOutliers(channels: 2, seed: 4)
    let norms = outline.blocks.flatMap(\.groups).filter { if case .norm = $0.source { true } else { false } }
    #expect(Set(norms.map { outliers.channels(of: $0) }).count == 1)
    for group in outline.blocks.flatMap(\.groups) {
      let channels = outliers.channels(of: group)
      #expect(channels == channels.sorted() && Set(channels).count == channels.count)
      guard case .valueHeads(_, let heads, let keyHeads, _) = group.source else {
        #expect(channels.count == 2)
        continue
      }
      #expect(channels.count == 2 * heads / keyHeads)
      // All of it can be folded: nothing acts at run time.
      #expect(group.source.rest(of: outliers.transform(of: group, tokenChannel: nil)).isEmpty)
    }
    #expect(outliers.channels(of: norms[0]) != SyntheticOutliers(channels: 2, seed: 5).channels(of: norms[0]))
  }

  @Test("The strongest directions become single channels")
  func concentrated() throws {
    let directions = normal([3, 24], "directions")
    // Rows along three directions with weights 10, 5 and 2, and a little of everything.
    let strengths = normal([200, 3], "strengths").scalingColumns(by: Tensor([10, 5, 2]))
    let x = strengths.matmul(directions) + normal([200, 24], "noise") * 0.1
    var moment = Matrix.zeros(24, 24)
    moment.addGram(of: x)
    let map = try ResidualConcentration.transform(of: moment, into: [7, 20, 3])
    #expect(map.isOrthogonal)
    let magnitudes = ChannelProfile(x.transformed(by: map)).magnitudes
    let eigen = try moment.symmetricEigen().values
    for (channel, value) in zip([7, 20, 3], eigen) {
      #expect(abs(magnitudes[channel] - (value / 200).squareRoot()) < 1e-4 * magnitudes[channel])
    }
    let others = magnitudes.indices.filter { ![7, 20, 3].contains($0) }
    #expect(others.allSatisfy { magnitudes[$0] < 0.2 })
  }

  @Test("The begin token's channel is the one that it drives hardest beside others")
  func tokenChannel() throws {
    let model = try TinyModel("llama")
    let weights = CheckpointWeights(model.checkpoint, architecture: model.model.architecture, quantization: nil)
    let embedding = try model.model.architecture.embedding(from: weights)
    let block = try model.model.architecture.block(0, from: weights)
    let found = try #require(BeginTokenChannel(of: 1, embedding: embedding, block: block, seed: 0))
    func activation(_ token: Int) -> [Double] {
      var values: [Double] = []
      _ = block(embedding.gatheringRows([token]), state: nil) { group, activation in
        if group.role == "mlp.output" { values = activation.values.map(Double.init) }
        return true
      }
      return values
    }
    let own = activation(1)
    let others = (0..<embedding.shape[0]).filter { $0 != 1 }.map(activation)
    let ratios = own.indices.map { channel in
      abs(own[channel])
        / (others.reduce(0) { $0 + $1[channel] * $1[channel] } / Double(others.count)).squareRoot()
    }
    #expect(found.group == "layers.0.mlp.output")
    #expect(found.channel == ratios.indices.max { ratios[$0] < ratios[$1] })
    #expect(abs(found.ratio - (ratios.max() ?? 0)) < 1e-6 * found.ratio)
    #expect(BeginTokenChannel(of: -1, embedding: embedding, block: block, seed: 0) == nil)
  }

  @Test("The same bytes for any number of threads")
  func threads() throws {
    let source = try ModelFolder(TinyModel("llama-biases").folder)
    let results = try [1, 3].map { count in
      try withWorkers(count) {
        try withTemporaryFolder { folder in
          let output = folder.appending(path: "out")
          _ = try OutlierRun(source, outliers: SyntheticOutliers(channels: 2)).write(to: output)
          return try contents(of: output)
        }
      }
    }
    #expect(results[0] == results[1])
  }

  @Test("Settings that no outlier can have are refused with a sentence")
  func refused() throws {
    let source = try ModelFolder(TinyModel("llama").folder)
    func error(_ outliers: SyntheticOutliers) -> String {
      do {
        _ = try OutlierRun(source, outliers: outliers)
        return ""
      } catch { return "\(error)" }
    }
    #expect(error(SyntheticOutliers(channels: 2, scale: 12)).contains("--scale 12"))
    #expect(error(SyntheticOutliers(channels: 2, scale: 0)).contains("--scale 0"))
    #expect(error(SyntheticOutliers(channels: 2, tokenScale: 2048)).contains("--token-scale 2048"))
    #expect(error(SyntheticOutliers(channels: 1000)).contains("at most a quarter"))
    #expect(error(SyntheticOutliers(channels: -1)).contains("--channels -1"))
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      let run = try OutlierRun(source, outliers: SyntheticOutliers(channels: 1))
      _ = try run.write(to: output)
      let before = try contents(of: output)
      #expect(throws: CheckpointError.self) { _ = try run.write(to: output) }
      #expect(try contents(of: output) == before)
      _ = try run.write(to: output, replacing: true)
      #expect(try contents(of: output) == before)
    }
  }
}

@Suite("Outliers make rounding worse")
struct OutlierLossTests {
  /// The mean nats per token of short texts in a model rounded to W4A4, as it is and with outliers.
  @Test("W4A4 loses more on the copy than on the plain model, MXFP4, too")
  func loss() throws {
    let folder = TestFiles.root.appending(path: "Examples/story-llama")
    let plain = try ModelFolder(folder)
    let tokenizer = try plain.tokenizer()
    let stories = try #require(
      JSON(parsing: [UInt8](Data(contentsOf: TestFiles.root.appending(path: "Examples/stories-test.json"))))
        .arrayValue)
    let texts = stories.prefix(6).compactMap(\.stringValue).map { story in
      Array((plain.beginToken(tokenizer).map { [$0] } ?? []) + tokenizer.encode(story).prefix(120))
    }
    func loss(_ model: LanguageModel) -> Double {
      let losses = texts.flatMap {
        model.logits(for: Array($0.dropLast())).negativeLogLikelihood(of: Array($0.dropFirst()))
      }
      return losses.reduce(0, +) / Double(losses.count)
    }
    try withTemporaryFolder { temporary in
      let outliers = temporary.appending(path: "outliers")
      _ = try OutlierRun(plain, outliers: SyntheticOutliers()).write(to: outliers)
      let base = try loss(plain.model())
      #expect(try abs(loss(ModelFolder(outliers).model()) - base) < 1e-5)
      for preset in ["W4A4KV4", "MXFP4"] {
        let damage = try [folder, outliers].enumerated().map { index, model in
          let output = temporary.appending(path: "\(preset)-\(index)")
          let request = QuantizationRequest(method: .rtn, preset: try #require(Preset(named: preset)))
          _ = try QuantizationRun(source: Checkpoint(folder: model), request: request, calibration: nil)
            .write(to: output, existing: .refuse)
          return try loss(ModelFolder(output).model()) - base
        }
        #expect(damage[1] > 1.5 * damage[0], "\(preset): \(damage)")
      }
    }
  }
}
