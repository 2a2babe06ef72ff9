import Foundation
import TestSupport

@testable import WalshCheckpoints

/// The golden checkpoints that the oracles wrote.
enum Golden {
  /// The quantized folders.
  static let folders = ["nvfp4", "mxfp4", "w4a16", "w3a16", "w8a8"]
  /// The files of the safetensors library.
  static let files =
    ["dtypes", "shapes", "floats"].map { "\($0).safetensors" }
    + (folders + ["source"]).map { "\($0)/model.safetensors" }

  static func url(_ path: String) -> URL { TestFiles.golden("checkpoints/\(path)") }

  static func bytes(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: url(path))) }
}

extension StoredTensor {
  /// A copy of the bytes.
  var copiedBytes: [UInt8] { withUnsafeBytes { [UInt8]($0) } }
}

/// Calls `body` with a new folder that is removed afterwards.
func withTemporaryFolder<R>(_ body: (URL) throws -> R) throws -> R {
  let folder = try TestFiles.temporaryFolder()
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

/// A safetensors file with the given header text and data, written to `url`.
func writeSafeTensors(_ header: String, data: [UInt8] = [], length: UInt64? = nil, to url: URL) throws {
  let text = Array(header.utf8)
  let count = withUnsafeBytes(of: (length ?? UInt64(text.count)).littleEndian) { [UInt8]($0) }
  try Data(count + text + data).write(to: url)
}
