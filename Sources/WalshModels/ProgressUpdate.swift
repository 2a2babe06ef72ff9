/// How far a long piece of work has come.
public struct ProgressUpdate: Sendable, Hashable {
  /// What is being done, such as `layers.3`.
  public let label: String
  /// The finished steps.
  public let done: Int
  /// All steps; 0 when their number is unknown.
  public let total: Int

  public init(_ label: String, done: Int, total: Int) {
    self.label = label
    self.done = done
    self.total = total
  }
}

/// Receives updates on the thread that works; what it draws is its own business.
public typealias ProgressHandler = (ProgressUpdate) -> Void
