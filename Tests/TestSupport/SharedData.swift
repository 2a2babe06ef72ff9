import Foundation

/// Where tests find files: the project's own golden files, and the optional data folder beside the checkout.
public enum TestFiles {
  /// The root of the package.
  public static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// A committed golden file, `Tests/Golden/<path>`.
  public static func golden(_ path: String) -> URL {
    root.appending(path: "Tests/Golden").appending(path: path)
  }

  /// `../shared/data/<path>`, or nil when that data is not there. Tests that need it pass without it:
  /// `@Test(.enabled(if: TestFiles.shared("babyllama") != nil))`.
  public static func shared(_ path: String) -> URL? {
    let url = root.deletingLastPathComponent().appending(path: "shared/data").appending(path: path)
    return FileManager.default.fileExists(atPath: url.path) ? url : nil
  }

  /// A new empty folder that the caller removes.
  public static func temporaryFolder(_ name: String = "walsh-test") throws -> URL {
    let url = FileManager.default.temporaryDirectory.appending(path: "\(name)-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    return url
  }
}
