import CKernels
import WalshTensor

/// Where the C kernels of `quantize.h` take over. They equal the scalar code bit for bit, for every instruction set.
extension Quantizer {
  /// `w` packed by a vector kernel, or nil where there is none for this quantizer.
  ///
  /// MXFP4 by FLOOR, CEIL, EVEN or RCEIL, and NVFP4 in TransformerEngine's order, rounded to nearest even.
  func packFast(_ w: Tensor, amax: Float?, isa: InstructionSet = .best) -> PackedMatrix? {
    guard rounding.isNearestEven, search == .minMax, clip == .none else { return nil }
    let kernel: (UnsafePointer<Float>, Int, UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<UInt8>) -> Void
    let columns = w.columns
    var tensorScale: Float?
    if format.element == .e2m1, format.granularity == .group(32), case .e8m0(let rule) = format.scale,
      let rule = rule.kernelCode
    {
      kernel = { walsh_quantize_mxfp4(isa.rawValue, $0, $1, columns, rule, $2, $3) }
    } else if format == .nvfp4 {
      let scale = E4M3Scheme.transformerEngine.tensorScale(amax: amax ?? w.finiteAmax) ?? 1
      tensorScale = scale
      kernel = { walsh_quantize_nvfp4(isa.rawValue, $0, $1, columns, scale, $2, $3) }
    } else {
      return nil
    }

    let rows = w.rowCount
    let groups = format.groupsPerRow(columns: columns)
    let rowBytes = CodeLayout(format.element).rowByteCount(columns: columns)
    var scales: [UInt8] = []
    let codes = [UInt8](unsafeUninitializedCapacity: rows * rowBytes) { codes, codeCount in
      scales = [UInt8](unsafeUninitializedCapacity: rows * groups) { scales, scaleCount in
        w.withUnsafeBufferPointer { w in
          guard let input = w.baseAddress, let codes = codes.baseAddress, let scales = scales.baseAddress else {
            return
          }
          Parallel.forEachChunk(of: rows, size: chunkRows(columns: columns)) { range in
            let first = range.lowerBound
            kernel(input + first * columns, range.count, codes + first * rowBytes, scales + first * groups)
          }
        }
        scaleCount = rows * groups
      }
      codeCount = rows * rowBytes
    }
    return PackedMatrix(
      scales: BlockScales(format: format, rows: rows, columns: columns, bytes: scales, tensorScale: tensorScale),
      codes: codes)
  }
}

extension E8M0Rule {
  /// The rule's number in `quantize.h`, nil where the kernel does not know it.
  fileprivate var kernelCode: Int32? {
    switch self {
    case .floor: Int32(WALSH_MX_FLOOR)
    case .ceil: Int32(WALSH_MX_CEIL)
    case .even: Int32(WALSH_MX_EVEN)
    case .rceil: Int32(WALSH_MX_RCEIL)
    default: nil
    }
  }
}

extension GroupCodec {
  /// Rounds `count` values of an integer format to nearest even, or returns false where that is not what is asked.
  func roundIntegers(
    _ x: UnsafePointer<Float>, count: Int, rounding: Rounding, into y: UnsafeMutablePointer<Float>,
    isa: InstructionSet = .best
  ) -> Bool {
    guard case .int(let bits) = element, rounding.isNearestEven, scale.isFinite else { return false }
    walsh_round_integers(isa.rawValue, x, count, scale, Float(zeroPoint), Float(1 << bits - 1), y)
    return true
  }

  /// Adds the squared rounding errors of an integer format to sixteen lanes, or returns false for other formats.
  func addIntegerErrors(
    _ x: UnsafeBufferPointer<Float>, to lanes: UnsafeMutableBufferPointer<Float>, isa: InstructionSet
  ) -> Bool {
    guard case .int(let bits) = element, scale.isFinite else { return false }
    walsh_integer_errors(
      isa.rawValue, x.baseAddress, x.count, scale, Float(zeroPoint), Float(1 << bits - 1), lanes.baseAddress)
    return true
  }
}
