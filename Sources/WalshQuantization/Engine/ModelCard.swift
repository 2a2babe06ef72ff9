import WalshCheckpoints
import WalshModels

/// The README of a quantized folder: what it is, how it was made, who can load it.
struct ModelCard {
  let run: QuantizationRun
  let layers: [LayerReport]
  /// How the blocks were calibrated, where they were.
  let calibrations: [CalibrationReport]
  /// The transforms that act at run time.
  let transforms: [TransformScheme]

  /// Markdown.
  var text: String {
    let name = run.source.folder.lastPathComponent
    let worst = layers.max { $0.weightError < $1.weightError }
    let mean = layers.reduce(0) { $0 + $1.weightError } / Double(max(1, layers.count))
    var lines = [
      "# \(name), \(run.plan.preset.name)", "",
      "Quantized with Walsh: \(run.request.summary).", "",
      "- Formats: \(run.plan.preset.description).",
      "- Residual rotation: \(run.plan.residual?.description ?? "none").",
      "- Calibration: \(run.calibration.map { "\($0.samples.count) samples, \($0.tokenCount) tokens of \($0.source)" } ?? "none").",
      "- Quantized layers: \(layers.count), mean relative squared weight error \(Self.short(mean))"
        + (worst.map { ", worst \($0.path) with \(Self.short($0.weightError))." } ?? "."),
    ]
    lines += run.plan.remarks.map { "- \($0)." }
    if let method = run.plan.blockCalibration, !calibrations.isEmpty {
      let errors = calibrations.map { "\(Self.short($0.firstLoss)) to \(Self.short($0.lastLoss))" }
      lines.append("- \(method): relative squared error of each block's output \(errors.joined(separator: ", ")).")
      let held = calibrations.reduce(0) { $0 + $1.heldValues }
      if held > 0 {
        lines.append("- \(held) steps of single values were held back from a singular matrix or a negative factor.")
      }
    }
    lines += ["", "## Who can load it", ""]
    if transforms.contains(where: { $0.kind == .sequence }) {
      lines.append(
        "**Transforms act at run time that only Walsh knows** (`walsh-sequence` in `transform_config`). Runtimes that read "
          + "`transform_config` refuse this folder; those that do not would compute something else without a word.")
    } else if run.plan.clipsAnything {
      lines.append(
        "**Activations are clipped before they are rounded**, as stored ratios say (`clip` in `quantization_config`): only "
          + "Walsh does that. compressed-tensors refuses the key; a runtime that did not would compute something else."
      )
    } else if !transforms.isEmpty {
      lines.append(
        "**Some rotations act at run time** (`transform_config`). Walsh and vLLM apply them; transformers, llama.cpp and "
          + "MLX ignore them without a word and compute something else. Quantize with `--no-online-rotations` for those."
      )
    } else if run.plan.cache != nil {
      lines.append("The key-value cache format is applied by Walsh; other runtimes load the weights and ignore it.")
    } else {
      lines.append("A compressed-tensors checkpoint without run-time transforms: Walsh, transformers, vLLM.")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func short(_ value: Double) -> String {
    let scaled = (value * 1e6).rounded() / 1e6
    return "\(scaled)"
  }
}
