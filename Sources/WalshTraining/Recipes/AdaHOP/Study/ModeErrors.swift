/// The errors of one product in every mode, gathered over layers and windows.
///
/// An error is relative, ‖Ŷ − Y‖ / ‖Y‖ in the Frobenius norm, against the Float32 product Y. Gathered errors are the root
/// of the mean of squares, which is how errors of independent products add up.
public struct ModeErrors: Sendable, Hashable {
  private var squares: [ProductMode: Double] = [:]
  /// How many products were measured.
  public private(set) var count = 0

  /// Nothing measured.
  public init() {}

  /// The errors of one product.
  public init(_ errors: [ProductMode: Double]) {
    squares = errors.mapValues { $0 * $0 }
    count = 1
  }

  /// The error of `mode`; NaN where nothing was measured.
  public subscript(mode: ProductMode) -> Double {
    guard count > 0, let square = squares[mode] else { return .nan }
    return (square / Double(count)).squareRoot()
  }

  /// The mode in four bits with the smallest error, of equals the plainest; nil where nothing was measured.
  public var best: ProductMode? {
    let measured = ProductMode.allCases.filter { $0 != .fullPrecision && self[$0].isFinite }
    return measured.min { self[$0] < self[$1] }
  }

  /// Adds the products of `other`.
  public mutating func add(_ other: ModeErrors) {
    squares.merge(other.squares, uniquingKeysWith: +)
    count += other.count
  }
}
