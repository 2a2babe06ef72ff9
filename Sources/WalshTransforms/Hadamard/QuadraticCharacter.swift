/// The quadratic character χ of the finite field of q elements: χ(0) = 0, χ(x) = 1 for a square, −1 for another element.
///
/// An element is the number whose digits to base p are the coefficients of a polynomial over the integers modulo p; for a
/// prime q it is the residue itself.
struct QuadraticCharacter {
  private let prime: Int
  private let degree: Int
  private let values: [Int8]

  /// - Parameter q: an odd prime power.
  /// - Complexity: O(q) steps for each polynomial that is tried.
  init(order q: Int) {
    guard let (prime, degree) = primePower(q), prime > 2 else {
      preconditionFailure("A field with a quadratic character has an odd prime power of elements, not \(q).")
    }
    self.prime = prime
    self.degree = degree
    // When the powers of x modulo a polynomial run through all q − 1 elements but 0, the polynomial defines the field,
    // and the even powers are its squares.
    let top = q / prime
    func isPrimitive(_ tail: Int, _ table: inout [Int8]) -> Bool {
      var element = 1
      for exponent in 0..<q - 1 {
        if exponent > 0 && element == 1 { return false }
        table[element] = exponent % 2 == 0 ? 1 : -1
        let leading = element / top
        element = QuadraticCharacter.sum(element % top * prime, tail, times: leading, prime: prime)
      }
      return element == 1
    }
    for tail in 1..<q where tail % prime != 0 {
      var table = [Int8](repeating: 0, count: q)
      if isPrimitive(tail, &table) {
        values = table
        return
      }
    }
    preconditionFailure("Every finite field has a primitive element.")
  }

  /// χ(a − b).
  func callAsFunction(_ a: Int, minus b: Int) -> Int8 {
    if degree == 1 { return values[a >= b ? a - b : a - b + prime] }
    return values[QuadraticCharacter.sum(a, b, times: prime - 1, prime: prime)]
  }

  /// a + factor·b, digit by digit.
  private static func sum(_ a: Int, _ b: Int, times factor: Int, prime: Int) -> Int {
    var (a, b, place, result) = (a, b, 1, 0)
    while a > 0 || b > 0 {
      result += (a % prime + factor * (b % prime)) % prime * place
      (a, b, place) = (a / prime, b / prime, place * prime)
    }
    return result
  }
}

/// (p, k) with q = pᵏ for a prime p, or nil when q is no prime power.
func primePower(_ q: Int) -> (prime: Int, degree: Int)? {
  guard q > 1 else { return nil }
  var prime = 2
  while prime * prime <= q && q % prime != 0 { prime += 1 }
  if q % prime != 0 { return (q, 1) }
  var (rest, degree) = (q, 0)
  while rest % prime == 0 { (rest, degree) = (rest / prime, degree + 1) }
  return rest == 1 ? (prime, degree) : nil
}
