/// Rounds single values as elements of one group of a matrix, for solvers that choose one weight after another.
///
/// Making one decodes the group's scale; rounding a value then costs its encoding and decoding alone.
public struct GroupRounder: Sendable {
  private let codec: GroupCodec
  private let rounding: Rounding

  /// - Parameters:
  ///   - quantizer: the format and the rounding.
  ///   - scales: the scales of the matrix.
  ///   - row: the row of the group.
  ///   - group: the group in its row.
  public init(_ quantizer: Quantizer, scales: BlockScales, row: Int, group: Int) {
    codec = scales.codec(row: row, group: group)
    rounding = quantizer.rounding
  }

  /// `value` rounded to the group's grid: `Quantizer.round(_:row:column:scales:)` bit for bit.
  ///
  /// - Parameters:
  ///   - value: what to round.
  ///   - index: row · columns + column, the element's position in the stream of stochastic rounding.
  public func round(_ value: Float, at index: Int) -> Float {
    codec.decode(codec.encode(value, rounding: rounding, at: index))
  }
}
