import Foundation
import TestSupport
import WalshTraining

/// A folder with a small text, and runs in it.
final class TrainingFixture {
  let folder: URL

  init() throws {
    folder = try TestFiles.temporaryFolder("walsh-training")
    let sentences = (0..<120).map { "The \(["cat", "dog", "owl"][$0 % 3]) number \($0 % 8) sat on the mat.\n" }
    try Data(sentences.joined().utf8).write(to: text)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  var text: URL { folder.appending(path: "text.txt") }

  /// A model of one block that learns the text by heart.
  var configuration: TrainingConfiguration {
    var configuration = TrainingConfiguration()
    configuration.model.layers = 1
    configuration.model.width = 32
    configuration.model.heads = 2
    configuration.model.keyHeads = 1
    configuration.model.intermediate = 64
    configuration.model.vocabulary = 300
    configuration.text = [text.path]
    configuration.steps = 12
    configuration.batch = 4
    configuration.context = 16
    configuration.learningRate = 0.01
    configuration.checkpointInterval = 5
    configuration.logInterval = 3
    configuration.validation = .share(0.1)
    configuration.validationInterval = 6
    return configuration
  }

  func output(_ name: String) -> URL { folder.appending(path: name, directoryHint: .isDirectory) }

  /// Name and contents of every file below `url`.
  func contents(of url: URL) throws -> [String: Data] {
    let names = try FileManager.default.subpathsOfDirectory(atPath: url.path)
    return try Dictionary(
      uniqueKeysWithValues: names.compactMap { name in
        let file = url.appending(path: name)
        return file.isFolder ? nil : (name, try Data(contentsOf: file))
      })
  }
}

extension URL {
  var isFolder: Bool { (try? resourceValues(forKeys: [.isDirectoryKey]).isDirectory) ?? false }
}
