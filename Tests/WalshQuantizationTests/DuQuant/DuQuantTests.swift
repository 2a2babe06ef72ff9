import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

@testable import WalshQuantization

@Suite("DuQuant")
struct DuQuantTests {
  private func request(
    _ preset: Preset, _ change: (inout DuQuantSettings) -> Void = { _ in }
  ) -> QuantizationRequest {
    var request = QuantizationRequest(method: .duQuant, preset: preset)
    request.duQuant.search.steps = 8
    request.duQuant.rows = 64
    change(&request.duQuant)
    return request
  }

  @Test(
    "Quantizers off, the model computes what it computed", arguments: ["llama", "llama-biases", "qwen2", "qwen3"],
    [0, 1, 2])
  func invariant(_ kind: String, _ permutations: Int) throws {
    let model = try TinyModel(kind)
    for block in [8, 128] {
      let request = request(.full) { ($0.permutations, $0.blockSize) = (permutations, block) }
      try withTemporaryFolder { folder in
        let output = folder.appending(path: "out")
        let run = try model.run(request)
        _ = try run.write(to: output, existing: .refuse)
        let result = try Checkpoint(folder: output)
        let logits = try LanguageModel(result).logits(for: model.tokens)
        #expect(relativeError(logits, model.model.logits(for: model.tokens)) < 1e-5)
        #expect(try run.summary().bytesAfter == result.byteCount)
      }
    }
  }

  @Test("k permutations stand between k + 1 rotations, of the largest blocks that divide a width")
  func sequence() throws {
    let plan = try request(.full) { ($0.permutations, $0.blockSize) = (2, 20) }.plan(for: TinyModel("llama").outline)
    func calibration(_ id: String) throws -> any TransformCalibration {
      guard case .calibrated(let calibration)? = plan.groups[id]?.transform else {
        throw QuantizationError(id, "it has no calibrated transform.")
      }
      return calibration
    }
    // Widths 32 and 48.
    let input = try calibration("layers.0.attention.input")
    #expect(
      input.description == "smoothing 0.6 · rotation 16 · zigzag · rotation 16 · zigzag · rotation 16")
    let output = try calibration("layers.0.mlp.output")
    #expect(output.description == "smoothing 0.6 · rotation 16 · zigzag · rotation 16 · zigzag · rotation 16")
    #expect(
      try request(.full) { $0.blockSize = 40 }.plan(for: TinyModel("llama").outline).groups["layers.0.mlp.output"]?
        .transform.description == "smoothing 0.6 · rotation 24 · zigzag · rotation 24")
  }

  @Test("With a quantized cache, queries and keys take a Hadamard transform of the head's own size")
  func keys() throws {
    let outline = try TinyModel("llama").outline
    let head = try #require(outline.blocks[0].attention).headSize
    #expect(try request(Preset(named: "W4A4KV4")!).plan(for: outline).keys?.dimension == head)
    #expect(try request(Preset(named: "W4A16")!).plan(for: outline).keys == nil)
  }

  @Test("Scales of weights cover 0.8 of their extremes")
  func clip() throws {
    let model = try TinyModel("llama")
    func scale(_ clip: Double) throws -> [Float] {
      try withTemporaryFolder { folder in
        let output = folder.appending(path: "out")
        let request = request(Preset(named: "int4")!) { $0.weightClip = clip }
        _ = try model.run(request).write(to: output, existing: .refuse)
        return try Checkpoint(folder: output).tensor("model.layers.0.mlp.down_proj.weight_scale").tensor().values
      }
    }
    for (clipped, whole) in zip(try scale(0.8), try scale(1)) { #expect(abs(clipped / whole - 0.8) < 1e-5) }
  }

  @Test("The sequence is stored as its steps, and a quantized model reads back from them")
  func stored() throws {
    let model = try TinyModel("qwen3")
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      _ = try model.run(request(Preset(named: "W4A4KV4")!) { $0.blockSize = 8 }).write(to: output, existing: .refuse)
      let result = try Checkpoint(folder: output)
      let schemes = try #require(try result.configuration().quantization()).transforms
      let steps: [TransformScheme.Part] = [.blocks, .permutation, .blocks]
      #expect(
        schemes.filter { $0.kind == .sequence }.allSatisfy {
          $0.parts == steps || $0.parts == [.permutation, .blocks]
        })
      #expect(schemes.contains { $0.parts == steps })
      let logits = try LanguageModel(result).logits(for: model.tokens)
      #expect(relativeError(logits, model.model.logits(for: model.tokens)) < 1)
    }
  }
}
