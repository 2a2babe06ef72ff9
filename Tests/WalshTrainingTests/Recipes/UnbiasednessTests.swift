import TestSupport
import Testing
import WalshFormats
import WalshTensor

@testable import WalshTraining

/// The projection bias of gradients, ⟨E[dX], dX₀⟩ / ⟨dX₀, dX₀⟩ − 1, over many draws of stochastic rounding; dX₀ is the
/// gradient with the same W or X and the exact E.
@Suite("Unbiased gradients over 512 draws of stochastic rounding")
struct UnbiasednessTests {
  private static let x = RecipeFixtures.normal(64, 16, "x")
  private static let w = RecipeFixtures.normal(32, 16, "w")
  private static let e = RecipeFixtures.heavy(64, 32, "e")

  struct Bias {
    let mean: Double
    /// The standard error of the mean.
    let deviation: Double
  }

  /// The bias of one gradient product of `table`.
  private func bias(_ table: ProductTable, weightGradient: Bool, draws: Int = 512) throws -> Bias {
    var exact = table
    exact.inputGradient.left.grid = .float32
    exact.weightGradient.left.grid = .float32
    func gradient(_ table: ProductTable, step: Int) throws -> [Double] {
      let products = LinearProducts(table, layer: RecipeFixtures.layer(step: step))
      let saved = products.forward(Self.x, Self.w)
      let gradient =
        try weightGradient
        ? products.weightGradient(Self.e, #require(saved.savedX))
        : products.inputGradient(Self.e, #require(saved.savedW))
      return gradient.values.map(Double.init)
    }
    let reference = try gradient(exact, step: 0)
    let square = reference.reduce(0) { $0 + $1 * $1 }
    let biases = try (0..<draws).map { step in
      try zip(gradient(table, step: step), reference).reduce(0) { $0 + $1.0 * $1.1 } / square - 1
    }
    let mean = biases.reduce(0, +) / Double(draws)
    let variance = biases.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(draws - 1)
    return Bias(mean: mean, deviation: (variance / Double(draws)).squareRoot())
  }

  @Test("NVFP4 5.6 with the 17/16 margin the bias is within 3σ of 0; to nearest it is not", arguments: [true, false])
  func nvfp4(weightGradient: Bool) throws {
    var configuration = NVFP4Configuration()
    configuration.hasMargin = true
    let margin = try bias(configuration.products, weightGradient: weightGradient)
    #expect(abs(margin.mean) < 3 * margin.deviation && margin.deviation < 0.001)
    configuration.roundsStochastically = false
    configuration.hasMargin = false
    let nearest = try bias(configuration.products, weightGradient: weightGradient, draws: 2)
    #expect(abs(nearest.mean) > 3 * margin.deviation)
  }

  @Test("NVFP4 5.6 without the margin clipped maxima leave a negative bias")
  func withoutMargin() throws {
    let plain = try bias(NVFP4Configuration().products, weightGradient: false)
    #expect(plain.mean < -3 * plain.deviation && plain.mean > -0.01)
  }

  @Test(
    "AdaHOP 5.8 every mode that quantizes E is unbiased under RCEIL scales; to nearest none is",
    arguments: [
      ProductMode.none, .hadamard, .extractLeft, .extractRight, .extractLeftColumns,
      .outerExtractLeft,
      .outerExtractRight,
    ])
  func adaHOP(mode: ProductMode) throws {
    var configuration = AdaHOPConfiguration()
    configuration.format = .mxfp4(.rceil)
    configuration.extractionCount = 4
    for weightGradient in [true, false] {
      let stochastic = try bias(configuration.products(.all(mode)), weightGradient: weightGradient)
      #expect(abs(stochastic.mean) < 3 * stochastic.deviation && stochastic.deviation < 0.002)
      configuration.roundsStochastically = false
      let nearest = try bias(configuration.products(.all(mode)), weightGradient: weightGradient, draws: 2)
      #expect(abs(nearest.mean) > 3 * stochastic.deviation)
      configuration.roundsStochastically = true
    }
  }
}
