import Foundation
import WalshCheckpoints

extension Report {
  /// Writes `report.html`, `report.md` and `report.json` into `folder`, which is made where there is none, each complete or
  /// not at all.
  ///
  /// - Throws: `CheckpointError` when the folder or a file cannot be written.
  public func write(to folder: URL) throws(CheckpointError) {
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw CheckpointError(folder, "the folder cannot be created: \(error.localizedDescription)")
    }
    try DurableFile.write(Array(html.utf8), to: folder.appending(path: "report.html"))
    try DurableFile.write(Array(markdown.utf8), to: folder.appending(path: "report.md"))
    try DurableFile.write(
      json.serialized(pretty: true) + [UInt8(ascii: "\n")], to: folder.appending(path: "report.json"))
  }
}
