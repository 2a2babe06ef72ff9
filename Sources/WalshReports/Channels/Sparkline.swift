/// A row of blocks whose heights are values, for a table in a terminal: ▁▂▃▄▅▆▇█.
enum Sparkline {
  private static let blocks = Array("▁▂▃▄▅▆▇█")

  /// The largest `values` of each of `width` equal parts, in their order, the largest of all as a full block; fewer blocks
  /// where there are fewer values.
  static func text(_ values: [Double], width: Int) -> String {
    let width = min(width, values.count)
    let largest = values.max() ?? 0
    return String(
      (0..<width).map { part in
        let range = part * values.count / width..<(part + 1) * values.count / width
        let value = values[range].max() ?? 0
        guard largest > 0, value.isFinite else { return blocks[0] }
        return blocks[min(7, max(0, Int((value / largest * 8).rounded(.up)) - 1))]
      })
  }
}
