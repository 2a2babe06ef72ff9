import Foundation
import WalshEvaluation
import WalshQuantization
import WalshReports
import WalshTensor

/// A report with everything in it, of made-up models; names hold what HTML and Markdown must escape.
enum Sample {
  static let comparison: Comparison = {
    let scoring = ScoringProtocol.documents(context: 256)
    let stream = RandomStream(seed: 1, purpose: "sample")
    func mean(_ value: Double, spread: Double, from start: Int) -> ClusteredMean {
      ClusteredMean(
        sums: (0..<100).map { 255 * (value + spread * stream.normal(at: start + $0)) },
        counts: Array(repeating: 255, count: 100))
    }
    let methods: [(String, Double, Double, Double, Int)] = [
      ("MXFP4 <rtn> | a*b", 0.0395, 0.0329, 0.9324, 604_000), ("MXFP4 gptq", 0.0217, 0.0201, 0.9481, 604_000),
      ("MXFP4 rotation + gptq", 0.0124, 0.0128, 0.9567, 606_000),
      ("MXFP4 duquant++ + gptq", 0.0098, 0.0107, 0.9603, 606_000),
    ]
    let base = ComparisonRow(
      name: "base", loss: LossResult(scoring: scoring, mean: mean(0.70060, spread: 0.1, from: 0)),
      size: ModelSize(
        linearWeights: 922_880, linearBytes: 3_691_520, parameters: 969_216, tensorBytes: 3_876_864,
        folderBytes: 3_890_000), decodeTokensPerSecond: 2210)
    let candidates = methods.enumerated().map { index, method in
      let (name, difference, kl, agreement, bytes) = method
      let start = 1000 * (index + 1)
      return ComparisonRow(
        name: name,
        loss: LossResult(scoring: scoring, mean: mean(0.70060 + difference, spread: 0.1, from: 0)),
        divergence: Divergence(
          kl: mean(kl, spread: kl / 4, from: start), kl999: 12 * kl,
          top1Agreement: mean(agreement, spread: 0.01, from: start + 200),
          lossDifference: mean(difference, spread: 0.02, from: start + 400)),
        size: ModelSize(
          linearWeights: 922_880, linearBytes: 490_280, parameters: 969_216, tensorBytes: bytes,
          folderBytes: bytes + 14_000),
        decodeTokensPerSecond: index == 3 ? nil : 3120 + 15 * Double(index))
    }
    return Comparison(scoring: scoring, rows: [base] + candidates)
  }()

  static let layers: [LayerReport] = {
    let stream = RandomStream(seed: 2, purpose: "layers")
    let kinds = [
      ("self_attn.q_proj", "attention.input", 0.008), ("self_attn.k_proj", "attention.input", 0.011),
      ("self_attn.v_proj", "attention.input", 0.006), ("self_attn.o_proj", "attention.output", 0.013),
      ("mlp.gate_proj", "mlp.input", 0.009), ("mlp.up_proj", "mlp.input", 0.0075),
      ("mlp.down_proj", "mlp.output", 0.021),
    ]
    return (0..<5).flatMap { block in
      kinds.enumerated().map { index, kind in
        LayerReport(
          path: "model.layers.\(block).\(kind.0)", role: kind.1, format: "MXFP4",
          weightError: kind.2 * exp(0.15 * stream.normal(at: 10 * block + index)),
          outputError: kind.2 / 3 * exp(0.25 * stream.normal(at: 100 + 10 * block + index)))
      }
    }
  }()

  static var report: Report {
    let stream = RandomStream(seed: 3, purpose: "activations")
    let plain = (0..<4000).map { stream.normal(at: $0) * ($0 % 16 == 0 ? 3 : 0.6) }
    let rotated = (0..<4000).map { stream.normal(at: 5000 + $0) * 0.95 }
    return Report(
      title: "babyllama in MXFP4",
      summary:
        "Four ways to four bits, measured on 100 stories the model did not train on & compared with full precision.",
      facts: [
        Report.Fact("Model", "babyllama/tok361, 0.97 M parameters"), Report.Fact("Method", "duquant++ <ours>"),
        Report.Fact("Formats", "weights MXFP4, activations full"), Report.Fact("Solver", "GPTQ, 32 stories"),
        Report.Fact("Protected layers", "embedding, output layer"), Report.Fact("Seed", "0"),
      ],
      comparison: comparison, layers: layers,
      plots: [
        Histogram(
          title: "Inputs of layers.2.mlp.down_proj", axis: "activation",
          samples: [Histogram.Sample("as they are", plain), Histogram.Sample("rotated", rotated)])
      ],
      command: "walsh quantize babyllama/hf --to MXFP4A16 --method duquant++ --solver gptq --output out")
  }
}
