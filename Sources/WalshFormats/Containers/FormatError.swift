/// What is wrong with a matrix that a container cannot hold.
public enum FormatError: Error, Equatable, CustomStringConvertible {
  /// The container holds whole blocks only.
  case columnsNotWhole(columns: Int, multiple: Int, container: String)
  /// The container has no NaN.
  case notFinite(row: Int, group: Int, container: String)
  /// The container holds other numbers.
  case wrongFormat(NumericFormat, container: String)
  /// The scales of an MXFP4 matrix span more binades than E4M3 has.
  case tooManyBinades(Int)

  public var description: String {
    switch self {
    case .columnsNotWhole(let columns, let multiple, let container):
      "\(container) needs rows of a multiple of \(multiple) columns, not \(columns); keep this matrix in another format."
    case .notFinite(let row, let group, let container):
      "\(container) has no NaN, but group \(group) of row \(row) is NaN; repair the weights before export."
    case .wrongFormat(let format, let container):
      "\(container) cannot hold \(format); quantize to the format of the same name first."
    case .tooManyBinades(let span):
      "The block scales span \(span) binades and NVFP4 can hold 17 without loss; quantize again instead."
    }
  }
}
