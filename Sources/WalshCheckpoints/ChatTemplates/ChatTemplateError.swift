/// Why a chat template cannot be read or rendered: the line and the cause.
public struct ChatTemplateError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The line in the template, from 1; 0 when the template could not be found at all.
  public let line: Int

  /// What is wrong there.
  public let cause: String

  /// The sentence shown to the user.
  public var description: String {
    line > 0 ? "The chat template fails at line \(line): \(cause)." : "There is no usable chat template: \(cause)."
  }
}
