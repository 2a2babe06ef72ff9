/// A block of 64-byte aligned `Float` memory with one owner.
///
/// Tensors share a storage until one of them is written (see `Tensor.withUnsafeMutableBufferPointer`).
final class Storage: @unchecked Sendable {
  let base: UnsafeMutablePointer<Float>
  let count: Int

  /// Allocates uninitialised memory for `count` values.
  init(uninitialized count: Int) {
    self.count = count
    let bytes = UnsafeMutableRawPointer.allocate(
      byteCount: max(1, count) * MemoryLayout<Float>.stride, alignment: 64)
    base = bytes.bindMemory(to: Float.self, capacity: max(1, count))
  }

  deinit { base.deallocate() }
}
