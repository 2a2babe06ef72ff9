import ArgumentParser
import WalshModels

extension ActivationPrecision: ExpressibleByArgument {}

/// In what numbers activations meet narrow weights.
struct ActivationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      The numbers of activations that the model leaves in full precision: float32; int8, three times as fast with \
      four-bit weights; bfloat16, for bfloat16 weights. generate, chat and bench choose int8, eval float32; compare knows \
      float32 only.
      """, valueName: "numbers"))
  var activations: ActivationPrecision?

  /// What was chosen, or the command's own choice.
  func precision(else usual: ActivationPrecision) -> ActivationPrecision { activations ?? usual }
}
