/// The element types of a safetensors file, spelled as the file spells them.
public enum DType: String, Sendable, CaseIterable {
  /// Truth values, one byte each.
  case bool = "BOOL"
  /// Unsigned bytes; packed nibbles and E8M0 scales travel as these.
  case uint8 = "U8"
  /// Signed bytes.
  case int8 = "I8"
  /// Eight-bit floats with 5 exponent bits.
  case float8E5M2 = "F8_E5M2"
  /// Eight-bit floats with 4 exponent bits, without infinities; the block scales of NVFP4.
  case float8E4M3 = "F8_E4M3"
  /// Powers of two in one byte; the block scales of the MX formats.
  case float8E8M0 = "F8_E8M0"
  /// Signed 16-bit integers.
  case int16 = "I16"
  /// Unsigned 16-bit integers.
  case uint16 = "U16"
  /// IEEE half precision.
  case float16 = "F16"
  /// The upper half of a Float32.
  case bfloat16 = "BF16"
  /// Signed 32-bit integers.
  case int32 = "I32"
  /// Unsigned 32-bit integers.
  case uint32 = "U32"
  /// Single precision.
  case float32 = "F32"
  /// Double precision.
  case float64 = "F64"
  /// Signed 64-bit integers.
  case int64 = "I64"

  /// Bytes per element.
  public var byteCount: Int {
    switch self {
    case .bool, .uint8, .int8, .float8E5M2, .float8E4M3, .float8E8M0: 1
    case .int16, .uint16, .float16, .bfloat16: 2
    case .int32, .uint32, .float32: 4
    case .float64, .int64: 8
    }
  }

  /// True for the types that `StoredTensor.tensor()` reads: F64, F32, F16 and BF16.
  public var isFloatingPoint: Bool {
    switch self {
    case .float16, .bfloat16, .float32, .float64: true
    default: false
    }
  }

  /// The type in which changed values of a tensor of this type are stored: itself, but Float32 for doubles.
  ///
  /// - Precondition: this is a floating-point type of `StoredTensor.tensor()`.
  public var storable: DType {
    precondition(isFloatingPoint, "Values of type \(rawValue) are not stored from Float32.")
    return self == .float64 ? .float32 : self
  }

  /// The place in the order by which the reference implementation sorts tensors: never falling with the element size.
  var rank: Int { Self.ranks[self]! }
  private static let ranks = Dictionary(
    uniqueKeysWithValues: allCases.enumerated().map { ($0.element, $0.offset) })
}
