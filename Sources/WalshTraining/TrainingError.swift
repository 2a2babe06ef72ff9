import Foundation

/// Why a model cannot be trained as asked: what is wrong, and what to do.
public struct TrainingError: Error, Equatable, Sendable, LocalizedError, CustomStringConvertible {
  /// The offending option, file, key or step.
  public let subject: String
  /// The cause and the fix, one sentence.
  public let cause: String

  public init(_ subject: String, _ cause: String) {
    self.subject = subject
    self.cause = cause
  }

  /// An error about the file or folder `url`.
  public init(_ url: URL, _ cause: String) { self.init(url.path(percentEncoded: false), cause) }

  public var description: String { "\(subject): \(cause)" }
  public var errorDescription: String? { description }
}
