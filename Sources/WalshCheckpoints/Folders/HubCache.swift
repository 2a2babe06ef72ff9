import Foundation

/// The cache in which Hugging Face tools keep downloaded models: `models--<org>--<name>/{blobs,refs,snapshots}`.
///
/// Walsh only reads it and never opens a network connection.
public struct HubCache: Sendable {
  /// The folder with one entry per model.
  public let root: URL

  /// The cache that `environment` names: `$HF_HUB_CACHE`, else `$HF_HOME/hub`, else
  /// `$XDG_CACHE_HOME/huggingface/hub`, else `~/.cache/huggingface/hub`.
  public init(environment: [String: String] = ProcessInfo.processInfo.environment) {
    func folder(_ variable: String) -> URL? {
      guard var path = environment[variable], !path.isEmpty else { return nil }
      if path == "~" || path.hasPrefix("~/"), let home = environment["HOME"] { path = home + path.dropFirst() }
      return URL(filePath: path, directoryHint: .isDirectory)
    }
    let home = folder("HOME") ?? FileManager.default.homeDirectoryForCurrentUser
    let cache = folder("XDG_CACHE_HOME") ?? home.appending(path: ".cache")
    root =
      folder("HF_HUB_CACHE")
      ?? (folder("HF_HOME") ?? cache.appending(path: "huggingface")).appending(path: "hub")
  }

  /// Whether `text` has the form of a model id: `name` or `org/name` of letters, digits, `-`, `_` and `.`.
  public static func isModelID(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    return (1...2).contains(parts.count)
      && parts.allSatisfy { part in
        !part.isEmpty && !part.contains("..") && part.first != "." && part.first != "-"
          && part.utf8.allSatisfy { byte in
            UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
              || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || "-_.".utf8.contains(byte)
          }
      }
  }

  /// The folder of the downloaded snapshot of the model `id`.
  ///
  /// - Parameters:
  ///   - id: such as `Qwen/Qwen3-0.6B`.
  ///   - revision: a branch, a tag or a full commit hash.
  /// - Throws: `CheckpointError` that says where it looked and how to download the model.
  public func snapshot(of id: String, revision: String = "main") throws(CheckpointError) -> URL {
    guard Self.isModelID(id) else {
      throw CheckpointError(id, "this is neither a folder nor a model id such as Qwen/Qwen3-0.6B.")
    }
    let model = root.appending(path: "models--" + id.split(separator: "/").joined(separator: "--"))
    let advice = "download it with: hf download \(id)\(revision == "main" ? "" : " --revision \(revision)")"
    guard FileManager.default.fileExists(atPath: model.path(percentEncoded: false)) else {
      throw CheckpointError(
        id, "there is no such folder, and no such model in \(root.path(percentEncoded: false)); \(advice)")
    }
    guard revision.split(separator: "/").allSatisfy({ $0 != ".." }), !revision.isEmpty else {
      throw CheckpointError(id, "the revision \(revision) is no branch, tag or commit.")
    }
    let reference = model.appending(path: "refs").appending(path: revision)
    let commit =
      (try? String(contentsOf: reference, encoding: .utf8))
      .map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
      ?? revision
    guard !commit.isEmpty, !commit.contains("/"), !commit.hasPrefix(".") else {
      throw CheckpointError(reference, "it holds no commit hash; \(advice)")
    }
    let snapshot = model.appending(path: "snapshots").appending(path: commit, directoryHint: .isDirectory)
    guard FileManager.default.fileExists(atPath: snapshot.path(percentEncoded: false)) else {
      throw CheckpointError(
        id, "its revision \(revision) is not in \(model.path(percentEncoded: false)); \(advice)")
    }
    return snapshot
  }

  /// The folder that the user means by `model`: a folder that exists, else the snapshot of a hub id.
  ///
  /// - Throws: `CheckpointError` when it is neither.
  public func folder(for model: String) throws(CheckpointError) -> URL {
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: model, isDirectory: &isFolder), isFolder.boolValue {
      return URL(filePath: model, directoryHint: .isDirectory)
    }
    return try snapshot(of: model)
  }
}
