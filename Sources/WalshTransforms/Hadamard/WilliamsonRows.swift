/// First rows of four symmetric circulants A, B, C, D of order t with A² + B² + C² + D² = 4t·I.
///
/// Those of t = 13, 39 and 43 are the ones that released checkpoints use (QWHA and QuaRot); those of t = 23 (whose order 92
/// Baumert, Golomb and Hall found in 1962) and 29 come from a search over symmetric sequences by their power spectra.
enum WilliamsonRows {
  private static let text: [Int: [String]] = [
    13: ["+-+--++++--+-", "+---++++++---", "++-+--++--+-+", "+----+--+----"],
    23: [
      "+--++-++++----++++-++--", "+---++-+-++++++-+-++---", "+-----+++--++--+++-----", "+++-+-+-++-++-++-+-+-++",
    ],
    29: [
      "+--++----+-++++++++-+----++--", "+--+---+-+--++++++--+-+---+--", "++--++-+-++++----++++-+-++--+",
      "+-+++-+++--+-++++-+--+++-+++-",
    ],
    39: [
      "+++--+-+-----+--++----++--+-----+-+--++", "++++---+--++----+-+--+-+----++--+---+++",
      "+++--++-+---+-+--+----+--+-+---+-++--++", "+---++-+-+-----+++-++-+++-----+-+-++---",
    ],
    43: [
      "+---++--++++-+-+++-++--++-+++-+-++++--++---", "++-++++++----+-+--++-++-++--+-+----++++++-+",
      "+++-+-++--+-+-++++-+----+-++++-+-+--++-+-++", "++---++++-+--+--++--------++--+--+-++++---+",
    ],
  ]

  /// The four rows of order t, if they are known here.
  static func rows(of t: Int) -> [[Int8]]? {
    text[t]?.map { row in row.map { $0 == "+" ? 1 : -1 } }
  }
}
