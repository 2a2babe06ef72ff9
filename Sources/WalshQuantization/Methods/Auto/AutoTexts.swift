/// Calibration text cut in two: what options are calibrated on, and what they are judged on.
struct AutoTexts {
  /// To calibrate on.
  let fit: [[Int]]
  /// To be judged on.
  let held: [[Int]]

  /// Every fourth sample is held aside, up to `tokens` tokens in all, and three times as many are calibrated on; a single
  /// sample is cut.
  ///
  /// - Throws: `QuantizationError` when there is too little text to be cut.
  init(_ calibration: CalibrationText, tokens: Int) throws(QuantizationError) {
    var samples = calibration.samples
    if samples.count < 4 {
      // Few samples are cut in quarters, which are then dealt like samples.
      samples = samples.flatMap { sample in
        (0..<4).map { Array(sample[sample.count * $0 / 4..<sample.count * ($0 + 1) / 4]) }
      }
    }
    func taken(_ chosen: [[Int]], _ limit: Int) -> [[Int]] {
      var rest = limit
      return chosen.compactMap { sample in
        let part = Array(sample.prefix(rest))
        rest -= part.count
        return part.count > 1 ? part : nil
      }
    }
    held = taken(samples.enumerated().filter { $0.offset % 4 == 3 }.map(\.element), tokens)
    fit = taken(samples.enumerated().filter { $0.offset % 4 != 3 }.map(\.element), 3 * tokens)
    guard !held.isEmpty, !fit.isEmpty else {
      throw QuantizationError(
        calibration.source, "the calibration text is too short to hold a quarter aside; use at least eight tokens.")
    }
  }
}
