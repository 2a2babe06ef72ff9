import WalshTensor

extension Matrix {
  /// Every value times `factor`.
  func scaled(by factor: Double) -> Matrix {
    Matrix(rows: rows, columns: columns, values: values.map { $0 * factor })
  }
}
