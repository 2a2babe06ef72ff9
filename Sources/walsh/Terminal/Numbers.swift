import Foundation

extension Double {
  /// The number with `digits` digits behind the point.
  func fixed(_ digits: Int) -> String { String(format: "%.\(digits)f", self) }
}

/// Seconds as people say them: 4.2 s, 3 min 20 s, 2 h 5 min.
func duration(_ seconds: Double) -> String {
  let whole = Int(seconds.rounded())
  if whole < 10 { return "\(seconds.fixed(1)) s" }
  if whole < 60 { return "\(whole) s" }
  if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
  return "\(whole / 3600) h \(whole % 3600 / 60) min"
}

/// Bytes as people say them: 412 B, 1.3 GB.
func byteText(_ count: Int) -> String {
  if count < 1000 { return "\(count) B" }
  var value = Double(count)
  for unit in ["B", "kB", "MB", "GB"] {
    if value < 1000 { return "\(value.fixed(1)) \(unit)" }
    value /= 1000
  }
  return "\(value.fixed(1)) TB"
}
