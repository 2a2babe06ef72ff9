/// Values of one thing over seeds.
extension [Double] {
  /// The mean; nil without values.
  var mean: Double? { isEmpty ? nil : reduce(0, +) / Double(count) }

  /// "± " and the sample standard deviation with `digits` decimals; empty for fewer than two values.
  func spread(_ digits: Int) -> String {
    guard count > 1, let mean else { return "" }
    let squares = reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return "± " + Figure.fixed((squares / Double(count - 1)).squareRoot(), digits)
  }
}
