import CKernels

/// How a matrix of four-bit codes is padded and scaled in its interleaved form; see `interleaved.h`.
struct InterleavedLayout: Hashable, Sendable {
  /// The number of rows in a panel.
  static let panelRows = 16

  /// The columns that share a scale: 16 or a multiple of 32.
  let group: Int
  /// The columns with their padding, a multiple of 32 and of `group`.
  let paddedColumns: Int
  /// `WALSH_CODES_*`.
  let elements: Int
  /// `WALSH_SCALES_*`.
  let scaleKind: Int

  /// The layout of a matrix, nil for formats that have none.
  init?(_ format: NumericFormat, columns: Int) {
    guard format.element.bits == 4, format.symmetry == .symmetric else { return nil }
    let wholeRow = max(32, (columns + 31) / 32 * 32)
    switch (format.scale, format.granularity) {
    case (.e4m3, _): (scaleKind, group) = (WALSH_SCALES_E4M3, 16)
    case (.e8m0, .group(let n)) where n % 32 == 0: (scaleKind, group) = (WALSH_SCALES_E8M0, n)
    case (.float32, .group(let n)) where n % 32 == 0, (.bfloat16, .group(let n)) where n % 32 == 0:
      (scaleKind, group) = (WALSH_SCALES_FLOAT, n)
    case (.float32, .row), (.bfloat16, .row):
      (scaleKind, group) = (WALSH_SCALES_FLOAT, wholeRow)
    default: return nil
    }
    let multiple = max(32, group)
    paddedColumns = (columns + multiple - 1) / multiple * multiple
    elements = format.element.isInteger ? WALSH_CODES_INT4 : WALSH_CODES_E2M1
  }

  /// The blocks of 32 columns in a row.
  var blocks: Int { paddedColumns / 32 }
  /// The scales of a row, with those of the padding.
  var groups: Int { paddedColumns / group }
  /// The bytes of a panel's scales.
  var panelScaleBytes: Int { groups * Self.panelRows * (scaleKind == WALSH_SCALES_FLOAT ? 4 : 1) }
  /// The code of zero.
  var zeroCode: UInt8 { elements == WALSH_CODES_INT4 ? 8 : 0 }
  /// What the integers of the kernels count by: they hold E2M1 values twice.
  var factor: Float { elements == WALSH_CODES_INT4 ? 1 : 0.5 }
  /// The columns of activations that share a scale where they are not quantized to the weight's format.
  var activationGroup: Int { min(group, 32) }
}
