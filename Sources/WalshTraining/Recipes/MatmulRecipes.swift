import WalshFormats

/// The recipes by name.
public enum MatmulRecipes {
  /// A fresh recipe, with a state of its own where it has one.
  ///
  /// - Parameter name: one of `names`, upper or lower case. NVFP4 takes any of `nvfp4Options` behind its name, such as
  ///   `nvfp4-no-rht-no-sr` or `nvfp4-4over6-late`.
  /// - Throws: `RecipeError.unknownName`, which lists what there is.
  public static func named(_ name: String) throws(RecipeError) -> any MatmulRecipe {
    let lowercased = name.lowercased()
    if let make = makers.first(where: { $0.name == lowercased })?.make { return make() }
    if let configuration = nvfp4Configuration(lowercased) { return NVFP4Recipe(name: lowercased, configuration) }
    throw .unknownName(
      name, known: names + ["nvfp4 followed by any of \(nvfp4Options.map(\.name).joined(separator: " "))"])
  }

  /// The names of the recipes, from the plainest to the most elaborate.
  public static var names: [String] { makers.map(\.name) }

  private static let makers: [(name: String, make: @Sendable () -> any MatmulRecipe)] = [
    ("fp32", { TableRecipe.fp32 }),
    ("bf16", { TableRecipe.bf16 }),
    ("fp8", { TableRecipe.fp8 }),
    ("mxfp4", { TableRecipe.mxfp4 }),
    ("mxfp4-rht", { TableRecipe.mxfp4RHT }),
    ("mxfp4-iht", { TableRecipe.mxfp4InnerHadamard }),
    ("mxfp4-oht", { TableRecipe.mxfp4OuterHadamard }),
    ("nvfp4", { NVFP4Recipe() }),
    ("tetrajet2", { TableRecipe.tetraJet2 }),
    ("quartet2", { TableRecipe.quartetII() }),
    ("quartet2-4over6", { TableRecipe.quartetII(fourOverSix: true) }),
    (
      "adahop-lv1",
      {
        var configuration = AdaHOPConfiguration()
        configuration.table = .lv1
        return AdaHOPRecipe(name: "adahop-lv1", configuration)
      }
    ),
    ("adahop-lv2", { AdaHOPRecipe() }),
  ]

  /// What may follow `nvfp4` in a name, and what it changes.
  public static var nvfp4Options: [(name: String, summary: String)] { options.map { ($0.name, $0.summary) } }

  private struct Option: Sendable {
    let name: String
    let summary: String
    let apply: @Sendable (inout NVFP4Configuration) -> Void
  }

  private static let options = [
    Option(name: "-no-rht", summary: "no Hadamard transform in the weight gradient") { $0.rotation = nil },
    Option(name: "-no-sr", summary: "gradients rounded to nearest") { $0.roundsStochastically = false },
    Option(name: "-1d-inputs", summary: "W scaled 1×16 along the inputs in both products") {
      $0.weightScaling = .inputsOnly
    },
    Option(name: "-1d", summary: "W scaled 1×16 along each product's contraction") { $0.weightScaling = .perProduct },
    Option(name: "-no-kept", summary: "no block kept in bfloat16") { $0.highPrecisionLayers = .none },
    Option(name: "-auto-kept", summary: "the 15 % of the layers with the largest gradient error kept in bfloat16") {
      $0.highPrecisionLayers = .largestGradientError(fraction: 0.15, steps: 10)
    },
    Option(name: "-margin", summary: "17/16 margin under stochastic rounding") { $0.hasMargin = true },
    Option(name: "-4over6-weights", summary: "Four Over Six for W") { $0.fourOverSix = .weights },
    Option(name: "-4over6-activations", summary: "Four Over Six for X") { $0.fourOverSix = .activations },
    Option(name: "-4over6", summary: "Four Over Six for X and W") { $0.fourOverSix = .all },
    Option(name: "-late-forward", summary: "the forward product in bfloat16 for the last 18 %") {
      $0.lateSwitch = LateSwitch(scope: .forward)
    },
    Option(name: "-late", summary: "bfloat16 for the last 18 %") { $0.lateSwitch = LateSwitch() },
    Option(name: "-backward-bf16", summary: "both gradients in bfloat16") { $0.backwardOverride = .highPrecision },
    Option(name: "-backward-dequantized", summary: "both gradients in bfloat16, from the decoded X and W") {
      $0.backwardOverride = .dequantized
    },
    Option(name: "-row-scaled", summary: "a tensor scale for each token of X") { $0.scalesActivationsByRow = true },
    Option(name: "-bf16-source", summary: "operands rounded to bfloat16 first") { $0.passesThroughBFloat16 = true },
  ]

  /// `nvfp4` and options in any order; where one option's name begins another's, the longer one is listed first.
  private static func nvfp4Configuration(_ name: String) -> NVFP4Configuration? {
    guard name.hasPrefix("nvfp4-") else { return nil }
    var rest = name.dropFirst("nvfp4".count)
    var configuration = NVFP4Configuration()
    while !rest.isEmpty {
      guard let option = options.first(where: { rest.hasPrefix($0.name) }) else { return nil }
      option.apply(&configuration)
      rest = rest.dropFirst(option.name.count)
    }
    return configuration
  }
}
