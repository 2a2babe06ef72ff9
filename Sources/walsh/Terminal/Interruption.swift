import Dispatch
import Foundation

/// What Ctrl-C says before the command ends: what is on the disk is safe, and how to go on.
///
/// Writing is atomic and journalled, so nothing needs to be undone; the process just ends with status 130.
final class Interruption {
  private let source: any DispatchSourceSignal

  init(_ message: String) {
    signal(SIGINT, SIG_IGN)
    source = DispatchSource.makeSignalSource(signal: SIGINT, queue: DispatchQueue.global())
    source.setEventHandler {
      FileHandle.standardError.write(Data("\r\u{1B}[2K\(message)\n".utf8))
      // Not exit: its handlers would tear down what other threads still use.
      _exit(130)
    }
    source.resume()
  }

  /// Gives Ctrl-C its usual meaning back.
  func cancel() {
    source.cancel()
    signal(SIGINT, SIG_DFL)
  }
}
