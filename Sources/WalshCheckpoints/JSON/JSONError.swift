/// Why a text is no JSON: one sentence and the place.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The offset in bytes from the start of the text.
  public let offset: Int

  /// The cause, without the place.
  public let cause: String

  /// The sentence shown to the user.
  public var description: String { "The JSON text is invalid at byte \(offset): \(cause)." }
}
