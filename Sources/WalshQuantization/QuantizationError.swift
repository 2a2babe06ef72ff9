import Foundation

/// Why a model cannot be quantized as asked: what is wrong, and what to do.
public struct QuantizationError: Error, Equatable, Sendable, LocalizedError, CustomStringConvertible {
  /// The offending option, file or layer.
  public let subject: String
  /// The cause and the fix, one sentence.
  public let cause: String

  public init(_ subject: String, _ cause: String) {
    self.subject = subject
    self.cause = cause
  }

  public var description: String { "\(subject): \(cause)" }
  public var errorDescription: String? { description }
}
