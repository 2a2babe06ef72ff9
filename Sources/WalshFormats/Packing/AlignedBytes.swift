import CKernels
import Foundation

/// Bytes that never change once they are shared. They begin on a line of the cache, so that no vector of 64 bytes crosses one; from 4 MiB on in large
/// pages where the system has them.
public final class AlignedBytes: @unchecked Sendable {
  private let base: UnsafeMutableRawPointer
  /// The number of bytes.
  public let count: Int

  /// Allocates `count` bytes that `initialize` fills.
  public init(count: Int, initialize: (UnsafeMutablePointer<UInt8>) -> Void) {
    guard let memory = walsh_allocate(count) else { preconditionFailure("There is no memory for \(count) bytes.") }
    initialize(memory.bindMemory(to: UInt8.self, capacity: max(1, count)))
    base = memory
    self.count = count
  }

  deinit { free(base) }

  /// The first byte, for an owner that knows that nobody else has these bytes.
  var mutableBytes: UnsafeMutablePointer<UInt8> { base.assumingMemoryBound(to: UInt8.self) }

  /// The first byte. Valid as long as this object is.
  public var bytes: UnsafePointer<UInt8> { UnsafePointer(base.assumingMemoryBound(to: UInt8.self)) }
}
