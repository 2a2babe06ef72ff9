/// How far a long task has come.
public struct ProgressUpdate: Sendable, Equatable {
  /// What is being done, such as `block 3 of 16`.
  public let label: String
  /// Units done.
  public let done: Int
  /// Units in all.
  public let total: Int

  public init(_ label: String, done: Int, total: Int) {
    self.label = label
    self.done = done
    self.total = total
  }
}

/// Receives the progress of a long task, on the task's thread.
public typealias ProgressObserver = (ProgressUpdate) -> Void
