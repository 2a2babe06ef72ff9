import ArgumentParser
import WalshModels

extension ActivationPrecision: ExpressibleByArgument {}

/// In what numbers activations meet four-bit weights.
struct ActivationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      float32 or int8: the numbers of activations that the model leaves in full precision, in products with four-bit \
      weights. int8 is three times as fast; generate, chat and bench choose it, eval float32. compare knows float32 only.
      """, valueName: "numbers"))
  var activations: ActivationPrecision?

  /// What was chosen, or the command's own choice.
  func precision(else usual: ActivationPrecision) -> ActivationPrecision { activations ?? usual }
}
