import Foundation

/// Small files written so that a reader sees the old contents or the new ones, never a part.
public enum DurableFile {
  /// Writes `bytes` beside `url`, flushes them to the disk and renames the file to `url`.
  ///
  /// - Throws: `CheckpointError` when the folder cannot be written; `url` is then as it was before.
  public static func write(_ bytes: [UInt8], to url: URL) throws(CheckpointError) {
    let temporary = url.deletingLastPathComponent().appending(path: ".\(url.lastPathComponent).incomplete")
    let path = temporary.path(percentEncoded: false)
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .system(url, "created") }
    do throws(CheckpointError) {
      defer { close(descriptor) }
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { throw .system(url, "written", code: count < 0 ? errno : ENOSPC) }
        rest = rest.dropFirst(count)
      }
      guard fsync(descriptor) == 0 else { throw .system(url, "flushed to the disk") }
      guard rename(path, url.path(percentEncoded: false)) == 0 else { throw .system(url, "renamed") }
    } catch {
      unlink(path)
      throw error
    }
    flushFolder(of: url)
  }

  /// Flushes the folder that holds `url`, so that a rename inside it survives a power cut. Some file systems refuse to
  /// flush folders; the rename is atomic there all the same, so a refusal is no error.
  static func flushFolder(of url: URL) {
    let descriptor = open(url.deletingLastPathComponent().path(percentEncoded: false), O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    _ = fsync(descriptor)
    close(descriptor)
  }
}
