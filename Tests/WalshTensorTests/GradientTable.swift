import Foundation
import Testing
import WalshTensor

/// A differentiable operation with inputs at which it is smooth for steps of 1/16.
struct GradientCase: Sendable, CustomTestStringConvertible {
  /// The base name of the function as it is declared.
  let name: String
  let inputs: [Tensor]
  let operation: @Sendable ([Tensor]) -> Tensor
  var variant = ""
  var testDescription: String { variant.isEmpty ? name : "\(name), \(variant)" }

  init(
    _ name: String, note variant: String = "", _ inputs: [Tensor],
    _ operation: @escaping @Sendable ([Tensor]) -> Tensor
  ) {
    self.name = name
    self.variant = variant
    self.inputs = inputs
    self.operation = operation
  }

  /// Every differentiable operation of the module; `GradientTests` compares the names with the declarations.
  static let all: [GradientCase] =
    elementwise + rowsAndColumns + shapes + products + norms + attention + scans

  // MARK: Inputs

  private static let x = normal([3, 4], "x")
  private static let y = normal([3, 4], "y")
  private static let vector = normal([4], "vector")
  private static let factors = normal([3], "factors")
  /// From 0.5 to 3.5.
  private static let positive = Tensor((0..<12).map { 0.5 + Float($0 * 5 % 12) / 4 }, shape: [3, 4])
  /// Nowhere within 0.2 of zero or ±1.
  private static let kinked = Tensor(
    [-2, -1.5, -0.5, -0.25, 0.25, 0.5, 0.75, 1.25, 1.5, 2, 3, -0.7], shape: [3, 4])
  /// Distances of at least 0.25 within each row.
  private static let spaced = Tensor([1, -2, 0.5, 3, 0, 4, 1.5, -1, -3, -2, -1, 2], shape: [3, 4])

  private static func unary(_ name: String, _ x: Tensor = x, _ f: @escaping @Sendable (Tensor) -> Tensor)
    -> GradientCase
  {
    GradientCase(name, [x]) { f($0[0]) }
  }

  private static func binary(
    _ name: String, note variant: String = "", _ a: Tensor, _ b: Tensor,
    _ f: @escaping @Sendable (Tensor, Tensor) -> Tensor
  ) -> GradientCase { GradientCase(name, note: variant, [a, b]) { f($0[0], $0[1]) } }

  // MARK: The table

  private static let elementwise = [
    binary("+", x, y) { $0 + $1 },
    unary("+") { $0 + 0.5 },
    binary("-", x, y) { $0 - $1 },
    unary("-") { -$0 },
    binary("*", x, y) { $0 * $1 },
    unary("*") { $0 * 1.5 },
    binary("/", x, positive) { $0 / $1 },
    binary("+=", x, y) { a, b in
      var sum = a
      sum += b
      return sum
    },
    unary("silu") { $0.silu() },
    binary("siluGating", x, y) { $0.siluGating($1) },
    unary("gelu") { $0.gelu() },
    unary("geluTanh") { $0.geluTanh() },
    unary("quickGelu") { $0.quickGelu() },
    unary("relu", kinked) { $0.relu() },
    unary("sigmoid") { $0.sigmoid() },
    unary("tanh") { $0.tanh() },
    unary("softplus") { $0.softplus() },
    unary("exp") { $0.exp() },
    unary("log", positive) { $0.log() },
    unary("squared") { $0.squared() },
    unary("squareRoot", positive) { $0.squareRoot() },
    unary("magnitude", kinked) { $0.magnitude() },
    unary("clamped", kinked) { $0.clamped(to: -1...1) },
    binary("minimum", kinked, Tensor.zeros([3, 4])) { Tensor.minimum($0, $1) },
    binary("maximum", kinked, Tensor.zeros([3, 4])) { Tensor.maximum($0, $1) },
    binary("replaced", x, y) { $0.replaced(with: $1, where: (0..<12).map { $0 % 3 == 0 }) },
  ]

  private static let rowsAndColumns = [
    binary("scalingColumns", x, vector) { $0.scalingColumns(by: $1) },
    binary("dividingColumns", x, positive.row(1)) { $0.dividingColumns(by: $1) },
    binary("addingToRows", x, vector) { $0.addingToRows($1) },
    binary("scalingRows", x, factors) { $0.scalingRows(by: $1) },
    unary("summed") { $0.summed() },
    unary("averaged") { $0.averaged() },
    unary("rowSums") { $0.rowSums() },
    unary("rowMeans") { $0.rowMeans() },
    unary("columnSums") { $0.columnSums() },
    unary("columnMeans") { $0.columnMeans() },
    binary("meanSquaredError", x, y) { $0.meanSquaredError(to: $1) },
    unary("rowMaxima", spaced) { $0.rowMaxima() },
    unary("rowMinima", spaced) { $0.rowMinima() },
    GradientCase("clampingRows", [spaced, Tensor([-1.7, -0.6, -2.4]), Tensor([2.2, 2.8, 1.3])]) {
      $0[0].clampingRows(from: $0[1], to: $0[2])
    },
  ]

  private static let shapes = [
    unary("reshaped") { $0.reshaped(to: [2, 6]) },
    unary("rows") { $0.rows(1..<3) },
    unary("row") { $0.row(1) },
    unary("columns") { $0.columns(1..<3) },
    unary("transposed") { $0.transposed() },
    GradientCase("transposed", note: "two matrices", [normal([2, 3, 4], "cube")]) { $0[0].transposed() },
    unary("gatheringRows") { $0.gatheringRows([2, 0, 2, 2]) },
    GradientCase("stackingRows", [x, vector, x.rows(0..<2)]) { Tensor.stackingRows($0) },
    GradientCase("joiningColumns", [x, normal([3, 2], "narrow"), y]) { Tensor.joiningColumns($0) },
  ]

  private static let products = [
    binary("matmul", x, normal([4, 5], "b")) { $0.matmul($1) },
    binary("leftTransposedProduct", x, normal([3, 5], "b")) { $0.leftTransposedProduct($1) },
    binary("matmulTransposed", x, normal([5, 4], "w")) { $0.matmulTransposed($1) },
    binary("matmulTransposed", note: "one row", x.rows(0..<1), normal([5, 4], "w")) { $0.matmulTransposed($1) },
    binary("matmulTransposed", note: "three axes", normal([2, 3, 4], "cube"), normal([5, 4], "w")) {
      $0.matmulTransposed($1)
    },
    GradientCase("kroneckerProduct", [x, normal([4], "scale"), normal([2, 2], "left"), normal([2, 2], "right")]) {
      $0[0].kroneckerProduct(scale: $0[1], left: $0[2], right: $0[3])
    },
    GradientCase("kroneckerProduct", note: "identity on the right", [x, normal([2, 2], "left")]) {
      $0[0].kroneckerProduct(left: $0[1])
    },
    GradientCase("inverted", [normal([3, 3], "square") * 0.3 + Tensor.identity(3) * 2]) {
      do { return try $0[0].inverted() } catch { preconditionFailure("\(error)") }
    },
  ]

  private static let norms = [
    binary("rmsNorm", x, vector) { $0.rmsNorm(weight: $1, epsilon: 0.1) },
    GradientCase("layerNorm", [x, vector, normal([4], "bias")]) {
      $0[0].layerNorm(weight: $0[1], bias: $0[2], epsilon: 0.1)
    },
    unary("softmax") { $0.softmax() },
    unary("logSoftmax") { $0.logSoftmax() },
    unary("crossEntropy") { $0.crossEntropy(of: [3, 0, 2]) },
    GradientCase("crossEntropy", note: "two of three rows", [x]) {
      $0[0].crossEntropy(of: [3, -1, 2], counting: [true, false, true])
    },
  ]

  private static let attention =
    [
      unary("applied", normal([3, 8], "heads")) {
        RotaryTable(inverseFrequencies: [1, 0.1], magnitude: 1.5).applied(to: $0, positions: [0, 3, 7])
      }
    ]
    + [
      (heads: 1, keyHeads: 1, tokens: 5, start: 0, beyond: 0, window: Int?.none), (2, 2, 4, 3, 0, nil),
      (4, 2, 5, 2, 2, nil), (2, 1, 7, 0, 0, 3), (2, 1, 66, 1, 0, 4), (1, 1, 3, 4, 0, 2),
    ].map { c in
      let positions = c.start + c.tokens + c.beyond
      let attention = CausalAttention(heads: c.heads, keyHeads: c.keyHeads, scale: 0.7, window: c.window)
      return GradientCase(
        "callAsFunction", note: "\(c)",
        [
          normal([c.tokens, c.heads * 3], "q"), normal([positions, c.keyHeads * 3], "k"),
          normal([positions, c.keyHeads * 3], "v"),
        ]
      ) { attention($0[0], $0[1], $0[2], start: c.start) }
    }

  private static let scans: [GradientCase] = [
    convolution([7, 5]), convolution([2, 6, 3]), convolution([40, 17]),
    binary("causalConvolution", note: "more taps than tokens, no bias", x, normal([6, 4], "w")) {
      $0.causalConvolution(weight: $1, bias: nil)
    },
    // A short text, several, more than an interval of the backward pass, more than a strip of channels.
    scan([9], channels: 5, states: 4), scan([2, 9], channels: 5, states: 4), scan([35], channels: 3, states: 2),
    scan([3], channels: 66, states: 1),
  ]

  private static func convolution(_ shape: [Int]) -> GradientCase {
    let channels = shape[shape.count - 1]
    return GradientCase(
      "causalConvolution", note: "\(shape)",
      [normal(shape, "x"), normal([4, channels], "w"), normal([channels], "b")]
    ) { $0[0].causalConvolution(weight: $0[1], bias: $0[2]) }
  }

  private static func scan(_ leading: [Int], channels: Int, states: Int) -> GradientCase {
    let x = normal(leading + [channels], "x")
    let steps = normal(leading + [channels], "steps") * 0.2 + 1
    let decay = normal([states, channels], "decay") * 0.2 + -1
    return GradientCase(
      "callAsFunction", note: "scan of \(leading) tokens, \(channels) channels, \(states) states",
      [
        x, steps, normal(leading + [states], "b"), normal(leading + [states], "c"), decay, normal([channels], "skip"),
      ]
    ) { SelectiveScan(decay: $0[4], skip: $0[5])($0[0], steps: $0[1], b: $0[2], c: $0[3]) }
  }
}
