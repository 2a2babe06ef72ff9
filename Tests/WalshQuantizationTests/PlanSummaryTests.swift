import Foundation
import TestSupport
import Testing
import WalshCheckpoints
import WalshFormats

@testable import WalshQuantization

@Suite("Plan summaries and memory")
struct PlanSummaryTests {
  private func preset(_ name: String) -> Preset { Preset(named: name)! }

  @Test("Groups of one role that are treated alike share a row; the output layer comes last")
  func rows() throws {
    let request = QuantizationRequest(
      method: .rotation, preset: preset("MXFP4"), exceptions: ["model.layers.1.self_attn.o_proj"],
      overrides: ["layers.1.mlp.input": GroupOverride(solver: .mse)])
    let summary = try TinyModel("llama").run(request).summary()
    #expect(
      summary.table == [
        ["attention.input", "0–1", "6", "residual", "folded", "GPTQ", "MXFP4", "MXFP4"],
        ["attention.output", "0", "1", "4 × (Hadamard 8)", "folded", "GPTQ", "MXFP4", "MXFP4"],
        ["mlp.input", "0", "2", "residual", "folded", "GPTQ", "MXFP4", "MXFP4"],
        ["mlp.output", "0–1", "2", "Hadamard 48 = 12·4", "online", "GPTQ", "MXFP4", "MXFP4"],
        ["attention.output", "1", "1", "4 × (Hadamard 8)", "folded", "–", "full", "full"],
        ["mlp.input", "1", "2", "residual", "folded", "RTN, searched scales", "MXFP4", "MXFP4"],
        ["head", "–", "1", "residual", "folded", "–", "full", "full"],
      ])
    #expect(summary.calibrationReason == "GPTQ weighs errors by the inputs of each layer")
    #expect(summary.residual == "Hadamard 32" && summary.keys == nil)
  }

  @Test("Smoothing is folded; plain rounding transforms nothing")
  func placement() throws {
    let smooth = try TinyModel("llama").run(QuantizationRequest(method: .smoothquant, preset: preset("W8A8")))
      .summary()
    #expect(smooth.rows.dropLast().allSatisfy { $0.placement == "folded" && $0.transform == "smoothing 0.5" })
    let plain = try TinyModel("llama").run(
      QuantizationRequest(method: .rtn, preset: preset("int4")), calibration: nil
    )
    .summary()
    #expect(plain.rows.allSatisfy { $0.placement == "–" && $0.transform == "–" })
    #expect(plain.calibrationReason == nil && plain.memory.residualStream == 0)
  }

  @Test(
    "The bytes after are those of the folder, to the byte", arguments: TinyModel.kinds,
    [
      ("rotation", "MXFP4"), ("rotation", "W4A4KV4"), ("smoothquant", "NVFP4"), ("rtn", "W8A8"), ("rtn", "int3"),
      ("rotation", "full"),
    ])
  func bytes(_ kind: String, _ plan: (String, String)) throws {
    let request = QuantizationRequest(
      method: try #require(.init(rawValue: plan.0)), preset: preset(plan.1), rotation: .randomized)
    let run = try TinyModel(kind).run(request)
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "out")
      _ = try run.write(to: output, existing: .refuse)
      let summary = try run.summary()
      #expect(try summary.bytesAfter == Checkpoint(folder: output).byteCount)
      #expect(summary.bytesBefore == run.source.byteCount)
    }
  }

  @Test("The JSON holds the rows and the sizes")
  func json() throws {
    let summary = try TinyModel("llama").run(Self.gptq).summary()
    let json = try JSON(parsing: summary.json.serialized(pretty: false))
    #expect(json["bytesAfter"]?.intValue == summary.bytesAfter)
    #expect(json["peakMemory"]?.intValue == summary.memory.peak)
    #expect(json["groups"]?.arrayValue?.count == summary.rows.count)
    #expect(json["groups"]?.arrayValue?.first?["layers"]?.intValue == 6)
    #expect(json["groups"]?.arrayValue?.first?["role"]?.stringValue == "attention.input")
  }

  private static let gptq = QuantizationRequest(method: .gptq, preset: Preset(named: "MXFP4")!)

  @Test("Memory grows with samples up to the limit, and a limit leaves the rest for activations")
  func memory() throws {
    let model = try TinyModel("llama")
    let small = try model.run(Self.gptq, calibration: TinyModel.calibration(samples: 2)).summary().memory
    let large = try model.run(Self.gptq, calibration: TinyModel.calibration(samples: 50)).summary().memory
    #expect(large.minimum == small.minimum)
    #expect(large.peak - small.peak == 48 * 20 * 32 * 4)
    #expect(large.peak(activationLimit: 0) == large.minimum)
    #expect(try large.activationLimit(within: large.minimum + 5) == 5)
    let error = #expect(throws: QuantizationError.self) { try large.activationLimit(within: large.minimum - 1) }
    #expect(error?.subject.hasPrefix("--memory ") == true)
    #expect(error?.cause.hasPrefix("one block with its statistics needs ") == true)
  }

  @Test("Sizes as people write them")
  func byteCounts() {
    let sizes: [(String, Int)] = [
      ("0", 0), ("800000", 800_000), ("2GB", 2_000_000_000), ("1.5 gb", 1_500_000_000), ("512MiB", 512 << 20),
      ("4 KiB", 4096), ("7b", 7), ("3k", 3000), (" 1TiB", 1 << 40),
    ]
    for (text, value) in sizes { #expect(ByteCount(text)?.value == value, "\(text)") }
    for text in ["", "GB", "-1GB", "1XB", "1 GBs", "nan", "inf", "1e3", "1..2", "99999999999TB", "1 G B", "٣GB"] {
      #expect(ByteCount(text) == nil, "\(text)")
    }
    #expect(ByteCount(999).description == "999 B")
    #expect(ByteCount(1_430_000_000).description == "1.43 GB")
    #expect(ByteCount(12_340_000).description == "12.4 MB")
    #expect(ByteCount(123_456).description == "124 kB")
  }
}
