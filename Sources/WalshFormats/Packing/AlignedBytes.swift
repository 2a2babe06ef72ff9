import CKernels
import Foundation

/// Immutable bytes that begin on a line of the cache, so that no vector of 64 bytes crosses one.
final class AlignedBytes: @unchecked Sendable {
  let base: UnsafeRawPointer
  let count: Int

  /// Allocates `count` bytes that `initialize` fills.
  init(count: Int, initialize: (UnsafeMutablePointer<UInt8>) -> Void) {
    guard let memory = walsh_allocate(count) else { preconditionFailure("There is no memory for \(count) bytes.") }
    initialize(memory.bindMemory(to: UInt8.self, capacity: max(1, count)))
    base = UnsafeRawPointer(memory)
    self.count = count
  }

  deinit { free(UnsafeMutableRawPointer(mutating: base)) }

  /// The first byte. Valid as long as this object is.
  var bytes: UnsafePointer<UInt8> { base.assumingMemoryBound(to: UInt8.self) }
}
