import Foundation

/// A file, folder or model that cannot be read or written, with the reason in one sentence.
///
/// Everything in this module that meets a user's file throws this type; nothing stops the program.
public struct CheckpointError: Error, Equatable, Sendable {
  /// What the sentence is about: the path of a file or folder, or a hub id.
  public let subject: String
  /// What is wrong with it, and what to do about it.
  public let cause: String

  /// An error about the hub id or other name `subject`.
  public init(_ subject: String, _ cause: String) {
    self.subject = subject
    self.cause = cause
  }

  /// An error about the file or folder `url`.
  public init(_ url: URL, _ cause: String) {
    self.init(url.path(percentEncoded: false), cause)
  }

  /// An error about the file or folder `url` with the reason that the operating system gave in `errno`.
  static func system(_ url: URL, _ action: String, code: Int32 = errno) -> CheckpointError {
    CheckpointError(url, "it cannot be \(action): \(String(cString: strerror(code))).")
  }
}

extension CheckpointError: CustomStringConvertible, LocalizedError {
  /// `subject: cause`, one line.
  public var description: String { "\(subject): \(cause)" }
  /// The same line.
  public var errorDescription: String? { description }
}
