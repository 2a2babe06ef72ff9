import Foundation

/// A file mapped into memory for reading: its bytes are loaded when they are first touched.
///
/// The mapping lives as long as this object. Do not shorten the file meanwhile: touching bytes that no longer exist
/// ends the process (every user of `mmap` shares this limit).
public final class MappedFile: @unchecked Sendable {
  /// Where the file is.
  public let url: URL
  /// The size of the file in bytes.
  public let count: Int
  private let base: UnsafeMutableRawPointer?

  /// Maps the file at `url`.
  ///
  /// - Throws: `CheckpointError` when the file is missing, unreadable, or not a regular file.
  public init(_ url: URL) throws(CheckpointError) {
    self.url = url
    let descriptor = open(url.path(percentEncoded: false), O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system(url, "opened") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .system(url, "examined") }
    guard status.st_mode & S_IFMT == S_IFREG else { throw CheckpointError(url, "it is not a file.") }
    count = Int(status.st_size)
    guard count > 0 else {
      base = nil
      return
    }
    guard let mapping = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), mapping != MAP_FAILED else {
      throw .system(url, "mapped into memory")
    }
    base = mapping
  }

  deinit {
    if let base { munmap(base, count) }
  }

  /// Calls `body` with the bytes `range` of the file, which must lie inside it.
  public func withUnsafeBytes<R, E: Error>(
    _ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= count, "Bytes \(range) lie outside a file of \(count) bytes.")
    defer { withExtendedLifetime(self) {} }
    return try body(UnsafeRawBufferPointer(start: base.map { $0 + range.lowerBound }, count: range.count))
  }

  /// Lets the system drop the bytes `range` from memory; they are read from the file again when touched.
  ///
  /// This is how a pass over a model that is larger than the memory keeps its peak small.
  public func release(_ range: Range<Int>) {
    guard let base, !range.isEmpty else { return }
    // Whole pages only. Rounding outwards is safe: a neighbour that shares the page is merely read again.
    let page = Int(getpagesize())
    let start = max(0, range.lowerBound) / page * page
    let end = min(count, range.upperBound)
    if start < end { _ = madvise(base + start, end - start, MADV_DONTNEED) }
  }
}
