import CKernels
import WalshTensor

/// Where the C kernels of `quantize.h` take over. They equal the scalar code bit for bit, for every instruction set.
///
/// Each function returns nil where there is no kernel for the quantizer. Scales: MXFP4 by FLOOR, CEIL, EVEN or RCEIL, and
/// NVFP4 by the schemes that need the block's largest magnitude alone, without search and clipping. Elements: all, with any
/// rounding; E2M1 with scales of a byte has the fastest code, to nearest even or stochastically.
extension Quantizer {
  // MARK: Scales

  func kernelScales(of x: Tensor, amax: Float?, isa: InstructionSet = .best) -> BlockScales? {
    guard let rule = kernelRule else { return nil }
    let tensorScale = kernelTensorScale(x, amax: amax)
    let (rows, columns) = (x.rowCount, x.columns)
    let groups = format.groupsPerRow(columns: columns)
    let bytes = [UInt8](unsafeUninitializedCapacity: rows * groups) { bytes, count in
      x.withUnsafeBufferPointer { x in
        guard let input = x.baseAddress, let bytes = bytes.baseAddress else { return }
        Parallel.forEachChunk(ofRows: rows, columns: columns) { range in
          let first = range.lowerBound
          walsh_fp4_scales(
            isa.rawValue, input + first * columns, range.count, columns, rule, tensorScale ?? 1,
            bytes + first * groups)
        }
      }
      count = rows * groups
    }
    return BlockScales(format: format, rows: rows, columns: columns, bytes: bytes, tensorScale: tensorScale)
  }

  /// The number of the scale rule in `quantize.h`.
  private var kernelRule: Int32? {
    guard search == .minMax, clip == .none, format.element == .e2m1 else { return nil }
    switch (format.scale, format.granularity) {
    case (.e8m0(let rule), .group(32)): return rule.kernelCode
    case (.e4m3(let scheme), .group(16)): return scheme.kernelCode
    default: return nil
    }
  }

  private func kernelTensorScale(_ x: Tensor, amax: Float?) -> Float? {
    guard case .e4m3(let scheme) = format.scale, scheme.isTwoLevel else { return nil }
    return scheme.tensorScale(amax: amax ?? x.finiteAmax)
  }

  // MARK: Scales and elements in one pass

  func kernelPack(_ w: Tensor, amax: Float?, isa: InstructionSet = .best) -> PackedMatrix? {
    guard let rule = kernelRule else { return nil }
    let tensorScale = kernelTensorScale(w, amax: amax)
    let (rows, columns) = (w.rowCount, w.columns)
    guard
      let kernel = FP4Kernel(
        format: format, tensorScale: tensorScale, rounding: rounding, columns: columns, isa: isa)
    else { return nil }
    let groups = format.groupsPerRow(columns: columns)
    let rowBytes = CodeLayout(format.element).rowByteCount(columns: columns)
    var scales: [UInt8] = []
    let codes = [UInt8](unsafeUninitializedCapacity: rows * rowBytes) { codes, codeCount in
      scales = [UInt8](unsafeUninitializedCapacity: rows * groups) { scales, scaleCount in
        w.withUnsafeBufferPointer { w in
          guard let input = w.baseAddress, let codes = codes.baseAddress, let scales = scales.baseAddress else {
            return
          }
          Parallel.forEachChunk(ofRows: rows, columns: columns) { chunk in
            forEachBand(of: chunk, columns: columns) { band in
              let first = band.lowerBound
              walsh_fp4_scales(
                isa.rawValue, input + first * columns, band.count, columns, rule, tensorScale ?? 1,
                scales + first * groups)
              kernel.encode(input, rows: band, scales: scales + first * groups, into: codes + first * rowBytes)
            }
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

  func kernelFakeQuantize(_ x: Tensor, amax: Float?, isa: InstructionSet = .best) -> Tensor? {
    guard let rule = kernelRule else { return nil }
    let tensorScale = kernelTensorScale(x, amax: amax)
    let (rows, columns) = (x.rowCount, x.columns)
    guard
      let kernel = FP4Kernel(
        format: format, tensorScale: tensorScale, rounding: rounding, columns: columns, isa: isa)
    else { return nil }
    let groups = format.groupsPerRow(columns: columns)
    return x.withUnsafeBufferPointer { input in
      Tensor(shape: x.shape) { output in
        guard let input = input.baseAddress, let output = output.baseAddress else { return }
        Parallel.forEachChunk(ofRows: rows, columns: columns) { chunk in
          withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(1, chunk.count * groups)) { buffer in
            guard let scales = buffer.baseAddress else { return }
            forEachBand(of: chunk, columns: columns) { band in
              let first = band.lowerBound
              walsh_fp4_scales(
                isa.rawValue, input + first * columns, band.count, columns, rule, tensorScale ?? 1, scales)
              kernel.round(input, rows: band, scales: scales, into: output + first * columns)
            }
          }
        }
      }
    }
  }

  /// Cuts a chunk into bands whose elements stay in the first cache between two kernels.
  private func forEachBand(of chunk: Range<Int>, columns: Int, _ body: (Range<Int>) -> Void) {
    let height = max(1, 4096 / max(1, columns))
    for first in stride(from: chunk.lowerBound, to: chunk.upperBound, by: height) {
      body(first..<min(first + height, chunk.upperBound))
    }
  }

  // MARK: Elements under given scales

  func kernelQuantize(_ x: Tensor, with scales: BlockScales, isa: InstructionSet = .best) -> Tensor? {
    let columns = x.columns
    let size = format.groupSize(columns: columns)
    let kernel = FP4Kernel(
      format: format, tensorScale: scales.tensorScale, rounding: rounding, columns: columns, isa: isa)
    guard kernel != nil || GroupCodec.hasKernel(format.element, rounding) else { return nil }
    return x.withUnsafeBufferPointer { input in
      scales.bytes.withUnsafeBufferPointer { bytes in
        Tensor(shape: x.shape) { output in
          guard let input = input.baseAddress, let output = output.baseAddress, let bytes = bytes.baseAddress else {
            return
          }
          Parallel.forEachChunk(ofRows: scales.rows, columns: columns) { range in
            if let kernel {
              let first = range.lowerBound
              kernel.round(
                input, rows: range, scales: bytes + first * scales.groupsPerRow, into: output + first * columns)
              return
            }
            for row in range {
              for group in 0..<scales.groupsPerRow {
                let first = row * columns + group * size
                scales.codec(row: row, group: group).round(
                  input + first, count: min(size, columns - group * size), rounding: rounding, at: first,
                  into: output + first, isa: isa)
              }
            }
          }
        }
      }
    }
  }

  func kernelCodes(of w: Tensor, scales: BlockScales, isa: InstructionSet = .best) -> [UInt8]? {
    let columns = w.columns
    let size = format.groupSize(columns: columns)
    let layout = CodeLayout(format.element)
    let rowBytes = layout.rowByteCount(columns: columns)
    let kernel = FP4Kernel(
      format: format, tensorScale: scales.tensorScale, rounding: rounding, columns: columns, isa: isa)
    guard kernel != nil || GroupCodec.hasKernel(format.element, rounding) else { return nil }
    var codes = [UInt8](repeating: 0, count: scales.rows * rowBytes)
    w.withUnsafeBufferPointer { w in
      scales.bytes.withUnsafeBufferPointer { bytes in
        codes.withUnsafeMutableBufferPointer { codes in
          guard let input = w.baseAddress, let codes = codes.baseAddress, let bytes = bytes.baseAddress else {
            return
          }
          Parallel.forEachChunk(ofRows: scales.rows, columns: columns) { range in
            if let kernel {
              let first = range.lowerBound
              kernel.encode(
                input, rows: range, scales: bytes + first * scales.groupsPerRow, into: codes + first * rowBytes)
              return
            }
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(1, columns)) { line in
              guard let line = line.baseAddress else { return }
              for row in range {
                for group in 0..<scales.groupsPerRow {
                  let first = row * columns + group * size
                  scales.codec(row: row, group: group).encode(
                    input + first, count: min(size, columns - group * size), rounding: rounding, at: first,
                    into: line + group * size, isa: isa)
                }
                layout.pack(line, count: columns, into: codes + row * rowBytes)
              }
            }
          }
        }
      }
    }
    return codes
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

extension E4M3Scheme {
  /// The scheme's number in `quantize.h`, nil where the kernel does not know it.
  fileprivate var kernelCode: Int32? {
    switch self {
    case .transformerEngine: Int32(WALSH_NV_TRANSFORMER_ENGINE)
    case .compressedTensors: Int32(WALSH_NV_COMPRESSED_TENSORS)
    case .margin: Int32(WALSH_NV_MARGIN)
    case .oneLevel: Int32(WALSH_NV_ONE_LEVEL)
    default: nil
    }
  }
}
