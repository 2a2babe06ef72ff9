import WalshTensor

/// ‖a − b‖ / ‖b‖ in Float64, the error of `a` against the reference `b`. NaN anywhere gives NaN, which passes no
/// comparison. Two zero tensors have error 0.
public func relativeError(_ a: Tensor, _ b: Tensor) -> Double {
  precondition(a.shape == b.shape, "Shapes \(a.shape) and \(b.shape) differ.")
  return relativeError(a.values.map(Double.init), b.values.map(Double.init))
}

/// ‖a − b‖ / ‖b‖ of two vectors.
public func relativeError(_ a: [Double], _ b: [Double]) -> Double {
  precondition(a.count == b.count, "\(a.count) values against \(b.count).")
  var difference = 0.0
  var norm = 0.0
  for (x, y) in zip(a, b) {
    difference += (x - y) * (x - y)
    norm += y * y
  }
  return difference == 0 ? 0 : (difference / norm).squareRoot()
}

/// FNV-1a, 64 bits, the checksum of the golden tables.
public func fnv1a(_ bytes: some Sequence<UInt8>) -> UInt64 {
  bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
}
