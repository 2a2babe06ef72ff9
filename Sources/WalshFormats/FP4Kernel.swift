import CKernels
import WalshTensor

/// The vector code for E2M1 elements whose scales are bytes. It equals `GroupCodec` bit for bit.
///
/// What the bytes of the scales mean is asked of `GroupCodec` once, so that there is one definition of it.
struct FP4Kernel {
  private let isa: InstructionSet
  private let rounding: Rounding
  private let columns: Int
  private let groupSize: Int
  private let operands: [Float]
  private let values: [Float]
  private let divides: Bool

  /// A kernel, or nil where there is none: for other elements and scales, odd groups, and ties away from even.
  init?(format: NumericFormat, tensorScale: Float?, rounding: Rounding, columns: Int, isa: InstructionSet) {
    let size = format.groupSize(columns: columns)
    guard format.element == .e2m1, format.scale.byteCount == 1, size % 2 == 0, rounding.hasKernel else { return nil }
    self.isa = isa
    self.rounding = rounding
    self.columns = columns
    groupSize = size
    let codecs = (0..<256).map {
      GroupCodec(format: format, pattern: $0, tensorScale: tensorScale ?? format.fixedTensorScale, zeroPoint: nil)
    }
    operands = codecs.map(\.operand)
    values = codecs.map(\.scale)
    divides = codecs[0].divides
  }

  /// Writes the codes of rows `range` of the matrix at `x`; `scales` and `codes` belong to the first of them.
  func encode(
    _ x: UnsafePointer<Float>, rows range: Range<Int>, scales: UnsafePointer<UInt8>,
    into codes: UnsafeMutablePointer<UInt8>
  ) {
    let groups = (columns + groupSize - 1) / groupSize
    let rowBytes = (columns + 1) / 2
    forEachBand(of: range) { band, table, words in
      let first = band.lowerBound - range.lowerBound
      walsh_encode_fp4(
        isa.rawValue, x + band.lowerBound * columns, band.count, columns, groupSize, scales + first * groups, table,
        words, codes + first * rowBytes)
    }
  }

  /// Writes the rounded values of rows `range` of the matrix at `x`; `scales` and `y` belong to the first of them.
  func round(
    _ x: UnsafePointer<Float>, rows range: Range<Int>, scales: UnsafePointer<UInt8>,
    into y: UnsafeMutablePointer<Float>
  ) {
    let groups = (columns + groupSize - 1) / groupSize
    forEachBand(of: range) { band, table, words in
      let first = band.lowerBound - range.lowerBound
      walsh_round_fp4(
        isa.rawValue, x + band.lowerBound * columns, band.count, columns, groupSize, scales + first * groups, table,
        words, y + first * columns)
    }
  }

  /// Calls `body` with all of `range`, or with bands of it small enough for their random words to stay in the cache.
  private func forEachBand(
    of range: Range<Int>, _ body: (Range<Int>, UnsafePointer<walsh_fp4_table>, UnsafePointer<UInt32>?) -> Void
  ) {
    operands.withUnsafeBufferPointer { operands in
      values.withUnsafeBufferPointer { values in
        var table = walsh_fp4_table(
          operands: operands.baseAddress, values: values.baseAddress, divides: divides ? 1 : 0)
        guard let stream = rounding.stream else {
          body(range, &table, nil)
          return
        }
        let height = max(1, 4096 / max(1, columns))
        for start in stride(from: range.lowerBound, to: range.upperBound, by: height) {
          let band = start..<min(start + height, range.upperBound)
          stream.withWords(from: start * columns, count: band.count * columns) { body(band, &table, $0) }
        }
      }
    }
  }
}

extension Rounding {
  /// The random stream of stochastic rounding.
  var stream: RandomStream? {
    if case .stochastic(let stream) = self { stream } else { nil }
  }

  /// Whether the vector kernels know the rule.
  var hasKernel: Bool {
    switch self {
    case .nearestEven, .stochastic: true
    case .nearestTowardZero, .nearestAwayFromZero: false
    }
  }
}

extension RandomStream {
  /// Calls `body` with the words at positions `first`, `first` + 1, … of the stream.
  func withWords<R>(from first: Int, count: Int, _ body: (UnsafePointer<UInt32>) -> R) -> R {
    let blocks = (first + count + 3) / 4 - first / 4
    return withUnsafeTemporaryAllocation(of: UInt32.self, capacity: max(4, 4 * blocks)) { words in
      guard let base = words.baseAddress else { preconditionFailure("A buffer of random words has an address.") }
      walsh_random_words(InstructionSet.best.rawValue, key, counterPrefix, UInt64(first / 4), blocks, base)
      return body(base + first % 4)
    }
  }
}
