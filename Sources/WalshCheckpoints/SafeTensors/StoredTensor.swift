import CKernels
import Foundation
import WalshTensor

/// A tensor in the element type of its file. Its bytes stay in the mapped file, unread, until they are used.
public struct StoredTensor: Sendable {
  /// Name, element type and shape.
  public let layout: TensorLayout
  private let bytes: Bytes

  private enum Bytes: Sendable {
    case mapped(MappedFile, Range<Int>)
    case memory([UInt8])
  }

  /// The tensor that fills the bytes `range` of `file`.
  init(_ layout: TensorLayout, in file: MappedFile, at range: Range<Int>) {
    precondition(range.count == layout.byteCount, "\(range.count) bytes do not fill \(layout).")
    self.layout = layout
    bytes = .mapped(file, range)
  }

  /// A tensor in memory with the given little-endian `bytes`, row-major, `count · dtype.byteCount` of them.
  public init(name: String, dtype: DType, shape: [Int], bytes: [UInt8]) {
    layout = TensorLayout(name: name, dtype: dtype, shape: shape)
    precondition(bytes.count == layout.byteCount, "\(bytes.count) bytes do not fill \(dtype) \(shape).")
    self.bytes = .memory(bytes)
  }

  /// `tensor` converted to `dtype`, which must be F32, F16 or BF16; rounded to nearest even.
  public init(name: String, _ tensor: Tensor, as dtype: DType = .float32) {
    let bytes = [UInt8](unsafeUninitializedCapacity: tensor.count * dtype.byteCount) { buffer, count in
      tensor.withUnsafeBufferPointer { values in
        guard let source = values.baseAddress, let destination = buffer.baseAddress else { return }
        switch dtype {
        case .float32: UnsafeMutableRawPointer(destination).copyMemory(from: source, byteCount: 4 * values.count)
        case .float16: walsh_half_from_float(source, destination, values.count)
        case .bfloat16: walsh_bfloat16_from_float(source, destination, values.count)
        default: preconditionFailure("A tensor is stored as F32, F16 or BF16, not as \(dtype.rawValue).")
        }
      }
      count = tensor.count * dtype.byteCount
    }
    self.init(name: name, dtype: dtype, shape: tensor.shape, bytes: bytes)
  }

  /// The full name.
  public var name: String { layout.name }
  /// The type of the elements.
  public var dtype: DType { layout.dtype }
  /// The extents, slowest axis first.
  public var shape: [Int] { layout.shape }
  /// The number of elements.
  public var count: Int { layout.count }
  /// The size in bytes.
  public var byteCount: Int { layout.byteCount }

  /// The same bytes under another name.
  public func named(_ name: String) -> StoredTensor {
    StoredTensor(
      layout: TensorLayout(name: name, dtype: dtype, shape: shape), bytes: bytes)
  }

  private init(layout: TensorLayout, bytes: Bytes) {
    self.layout = layout
    self.bytes = bytes
  }

  /// Calls `body` with the little-endian bytes, row-major. They may start at any address: load unaligned.
  public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    switch bytes {
    case .mapped(let file, let range):
      return try file.withUnsafeBytes(range, body)
    case .memory(let array):
      // `Array.withUnsafeBytes` does not carry typed errors, so the result travels in a value.
      let result = array.withUnsafeBytes { buffer in Result { () throws(E) -> R in try body(buffer) } }
      return try result.get()
    }
  }

  /// The values as Float32.
  ///
  /// - Parameter checkingFinite: refuse a tensor that holds a NaN or an infinity.
  /// - Throws: `CheckpointError` naming the tensor when its element type is not F64, F32, F16 or BF16, or when
  ///   `checkingFinite` found a value; the sentence gives its position.
  public func tensor(checkingFinite: Bool = false) throws(CheckpointError) -> Tensor {
    guard dtype.isFloatingPoint else {
      throw CheckpointError(
        origin, "the tensor \(name) holds \(dtype.rawValue) elements, not floating-point numbers.")
    }
    let tensor = withUnsafeBytes { bytes in
      Tensor(shape: shape) { values in
        guard let source = bytes.baseAddress, let destination = values.baseAddress else { return }
        switch dtype {
        case .float16: walsh_float_from_half(source, destination, values.count)
        case .bfloat16: walsh_float_from_bfloat16(source, destination, values.count)
        case .float64: walsh_float_from_double(source, destination, values.count)
        default: UnsafeMutableRawPointer(destination).copyMemory(from: source, byteCount: bytes.count)
        }
      }
    }
    if checkingFinite { try checkFinite(tensor) }
    return tensor
  }

  private func checkFinite(_ tensor: Tensor) throws(CheckpointError) {
    let first = tensor.withUnsafeBufferPointer { values in
      values.baseAddress.map { walsh_first_not_finite($0, values.count) } ?? values.count
    }
    guard first < tensor.count else { return }
    var position: [Int] = []
    var rest = first
    for extent in shape.reversed() {
      position.insert(rest % extent, at: 0)
      rest /= extent
    }
    let value = tensor.withUnsafeBufferPointer { $0[first] }
    throw CheckpointError(
      origin, "the tensor \(name) holds \(value) at \(position); such a model cannot be used, download it again.")
  }

  /// Lets the system drop the bytes from memory; they are read again when touched. No effect on a tensor in memory.
  public func release() {
    if case .mapped(let file, let range) = bytes { file.release(range) }
  }

  /// What errors about this tensor are about: its file, or its name when it is in memory.
  var origin: String {
    if case .mapped(let file, _) = bytes { return file.url.path(percentEncoded: false) }
    return name
  }
}
