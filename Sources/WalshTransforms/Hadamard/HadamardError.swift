/// Why a Hadamard transform cannot be made.
public enum HadamardError: Error, Hashable, Sendable, CustomStringConvertible {
  /// No construction of this order is known here.
  case unknownOrder(Int)
  /// The block does not divide the dimension.
  case blockDoesNotDivide(block: Int, dimension: Int)

  public var description: String {
    switch self {
    case .unknownOrder(let n) where n > 0:
      "No Hadamard matrix of order \(n) is known here; use blocks of \(HadamardMatrix.largestOrder(dividing: n)), the largest known order that divides \(n)."
    case .unknownOrder(let n):
      "There is no Hadamard matrix of order \(n); an order is 1, 2 or a multiple of 4."
    case .blockDoesNotDivide(let block, let n):
      "Blocks of \(block) do not divide \(n) channels; use a divisor, such as \(HadamardMatrix.largestOrder(dividing: n))."
    }
  }
}
