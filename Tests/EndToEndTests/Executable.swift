import Foundation
import TestSupport

/// The `walsh` that was built beside the tests.
struct Executable {
  let url: URL

  /// The executable; nil when only libraries were built.
  static let walsh: Executable? = {
    #if DEBUG
      let configuration = "debug"
    #else
      let configuration = "release"
    #endif
    let beside = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    let folders = [beside, TestFiles.root.appending(path: ".build/\(configuration)")]
    return folders.map { Executable(url: $0.appending(path: "walsh")) }
      .first { FileManager.default.isExecutableFile(atPath: $0.url.path) }
  }()

  /// How a call ended.
  struct Result {
    let status: Int32
    let wasKilled: Bool
    let output: String
    let errors: String
  }

  /// Runs the executable to its end, or until `isTimeToKill` is true: then it gets a signal it cannot catch.
  func run(_ arguments: [String], killingWhen isTimeToKill: (() -> Bool)? = nil) throws -> Result {
    let folder = try TestFiles.temporaryFolder("walsh-output")
    defer { try? FileManager.default.removeItem(at: folder) }
    // Files, not pipes: a full pipe would stop the process that is to be killed.
    let (output, errors) = (folder.appending(path: "out"), folder.appending(path: "err"))
    let process = Process()
    process.executableURL = url
    process.arguments = arguments
    for file in [output, errors] { try Data().write(to: file) }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    if let isTimeToKill {
      while process.isRunning {
        if isTimeToKill() {
          kill(process.processIdentifier, SIGKILL)
          break
        }
        usleep(500)
      }
    }
    process.waitUntilExit()
    return Result(
      status: process.terminationStatus, wasKilled: process.terminationReason == .uncaughtSignal,
      output: try String(contentsOf: output, encoding: .utf8), errors: try String(contentsOf: errors, encoding: .utf8)
    )
  }
}
