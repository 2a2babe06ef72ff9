import TestSupport
import Testing
import WalshCheckpoints
import WalshModels
import WalshTensor
import WalshTransforms

@testable import WalshQuantization

@Suite("QuaRot")
struct QuaRotTests {
  /// GQA and tied heads among them; the last has nine heads over three key heads, of which there is no Hadamard matrix.
  private static let kinds = TinyModel.kinds + ["llama-smollm"]

  @Test("At full precision nothing changes, with heads mixed at run time and without", arguments: kinds)
  func invariance(_ kind: String) throws {
    let tiny = try TinyModel(kind)
    for online in [true, false] {
      let request = QuantizationRequest(method: .quarot, preset: .full, usesOnlineRotations: online, seed: 5)
      try withTemporaryFolder { folder in
        let output = folder.appending(path: "out")
        _ = try tiny.run(request, calibration: nil).write(to: output, existing: .refuse)
        let result = try Checkpoint(folder: output)
        let logits = try LanguageModel(result).logits(for: tiny.tokens)
        #expect(relativeError(logits, tiny.model.logits(for: tiny.tokens)) < 1e-5)
        let mixes = kind != "llama-smollm"
        #expect(try result.configuration().quantization()?.transforms.count ?? 0 == (online ? mixes ? 2 : 1 : 0))
      }
    }
  }

  @Test("R2 with the mixing of heads is the Hadamard matrix of the whole width")
  func headMixing() throws {
    let outline = try TinyModel("llama").outline
    let plan = try QuaRotMethod().plan(for: outline, preset: .full, exceptions: LayerSelection([]))
    let group = outline.blocks[1].groups[1]
    guard case .fixed(let transform) = plan[group].transform else {
      Issue.record("Heads are rotated.")
      return
    }
    #expect(relativeError(transform.matrix(), try HadamardTransform(order: group.width).matrix()) < 1e-6)
    // The map of a head is folded into the values, the mixing stays.
    let rest = group.source.rest(of: transform)
    #expect(rest.count == 1 && rest[0] is KroneckerTransform)
  }

  @Test("A model with its heads mixed is stored as the mixing matrix, and summed up so")
  func stored() throws {
    let tiny = try TinyModel("llama")
    let run = try tiny.run(
      QuantizationRequest(method: .quarot, preset: #require(Preset(named: "W4A4KV4")), solver: .rtn), calibration: nil
    )
    let summary = try run.summary()
    #expect(summary.rows.first { $0.role == "attention.output" }?.placement == "folded + online")
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      _ = try run.write(to: output, existing: .refuse)
      #expect(try Checkpoint(folder: output).byteCount == summary.bytesAfter)
    }
  }

  @Test("Down projections are mixed over their whole width where orders allow")
  func wholeWidths() throws {
    for (width, isKronecker) in [
      (48, false), (172, false), (352, false), (512, false), (5632, true), (11008, true), (14336, true),
    ] {
      let transform = try #require(Rotation.wholeWidthHadamard(width), "\(width)")
      #expect(transform.dimension == width && transform is KroneckerTransform == isKronecker)
      // Every entry of a Hadamard matrix over √n has one magnitude.
      let row = Tensor([1] + [Float](repeating: 0, count: width - 1), shape: [1, width]).transformed(by: transform)
      #expect(row.values.allSatisfy { abs(abs($0) * Float(width).squareRoot() - 1) < 1e-5 })
    }
    for width in [6, 33, 90, 1 << 20] { #expect(Rotation.wholeWidthHadamard(width) == nil, "\(width)") }
  }
}
