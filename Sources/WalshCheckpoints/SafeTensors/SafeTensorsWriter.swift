import Foundation

/// Writes a safetensors file one tensor at a time, so that no more than one need be in memory.
///
/// The layout is declared first; the tensors may then come in any order. Bytes go to a hidden file beside the
/// destination, which `finish()` flushes to the disk and renames: under its final name the file is always whole. The
/// same tensors give the same bytes, and the bytes equal those of the reference implementation.
///
/// A writer that is dropped without `finish()` removes what it wrote.
public final class SafeTensorsWriter {
  /// Where the finished file will be.
  public let url: URL
  private let temporary: URL
  private let header: SafeTensorsHeader
  private let descriptor: Int32
  private var pending: [String: SafeTensorsHeader.Entry]
  private var isFinished = false

  /// Starts the file `url` with room for the tensors `layouts`, whose names must differ.
  ///
  /// - Parameter metadata: the `__metadata__` pairs; loaders expect `format: pt`.
  /// - Throws: `CheckpointError` when the folder cannot be written.
  public init(
    _ url: URL, tensors layouts: [TensorLayout], metadata: [(key: String, value: String)] = [("format", "pt")]
  ) throws(CheckpointError) {
    self.url = url
    temporary = url.deletingLastPathComponent().appending(path: ".\(url.lastPathComponent).incomplete")
    header = SafeTensorsHeader(layouts, metadata: metadata)
    pending = Dictionary(
      header.entries.map { ($0.layout.name, $0) },
      uniquingKeysWith: { first, _ in preconditionFailure("The tensor \(first.layout.name) is declared twice.") })
    descriptor = open(temporary.path(percentEncoded: false), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .system(url, "created") }
    let written = header.encoded.withUnsafeBytes { write($0, at: 0) }
    guard written == 0 else { throw .system(url, "written", code: written) }
  }

  deinit {
    close(descriptor)
    if !isFinished { unlink(temporary.path(percentEncoded: false)) }
  }

  /// Writes the bytes of `tensor`, which must have been declared with this name, type and shape, and only once.
  ///
  /// - Throws: `CheckpointError` when the disk refuses, for instance because it is full.
  public func write(_ tensor: StoredTensor) throws(CheckpointError) {
    guard let entry = pending.removeValue(forKey: tensor.name) else {
      preconditionFailure("The tensor \(tensor.name) was not declared, or was written before.")
    }
    precondition(entry.layout == tensor.layout, "\(tensor.layout) was declared as \(entry.layout).")
    let written = tensor.withUnsafeBytes { write($0, at: header.dataStart + entry.range.lowerBound) }
    guard written == 0 else { throw .system(url, "written", code: written) }
  }

  /// Flushes the file to the disk and gives it its name. Every declared tensor must have been written.
  ///
  /// - Throws: `CheckpointError` when the disk refuses; the destination is then as it was before.
  public func finish() throws(CheckpointError) {
    precondition(!isFinished, "\(url.lastPathComponent) is finished already.")
    precondition(pending.isEmpty, "The tensors \(pending.keys.sorted()) were declared, but not written.")
    guard fsync(descriptor) == 0 else { throw .system(url, "flushed to the disk") }
    guard rename(temporary.path(percentEncoded: false), url.path(percentEncoded: false)) == 0 else {
      throw .system(url, "renamed")
    }
    isFinished = true
    DurableFile.flushFolder(of: url)
  }

  /// Writes `bytes` at `offset`; returns 0 or the error number.
  private func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int32 {
    var done = 0
    while done < bytes.count {
      let count = pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return count < 0 ? errno : ENOSPC }
      done += count
    }
    return 0
  }
}
