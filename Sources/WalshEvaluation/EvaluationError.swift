import Foundation

/// Why a model or a text cannot be evaluated: what it is about, and the cause and the fix in one sentence.
public struct EvaluationError: Error, Equatable, Sendable, LocalizedError, CustomStringConvertible {
  /// The offending file, option or model.
  public let subject: String
  /// The cause and the fix.
  public let cause: String

  public init(_ subject: String, _ cause: String) {
    self.subject = subject
    self.cause = cause
  }

  /// An error about the file `url`.
  public init(_ url: URL, _ cause: String) { self.init(url.path(percentEncoded: false), cause) }

  /// `subject: cause`, one line.
  public var description: String { "\(subject): \(cause)" }
  /// The same line.
  public var errorDescription: String? { description }
}
