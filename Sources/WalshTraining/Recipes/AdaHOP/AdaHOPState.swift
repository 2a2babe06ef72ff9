import Synchronization
import WalshTensor

/// What AdaHOP learns: the patterns recorded so far and, after calibration, each layer's modes, frozen.
public final class AdaHOPState: RecipeState {
  /// The patterns that a layer's tensors had, a vote for each step.
  struct Votes: Sendable, Equatable {
    var x: [OutlierPattern] = []
    var w: [OutlierPattern] = []
    var gradient: [OutlierPattern] = []

    var majority: LayerPatterns {
      LayerPatterns(x: .majority(of: x), w: .majority(of: w), gradient: .majority(of: gradient))
    }
  }

  struct Values: Sendable, Equatable {
    /// The votes of the step that has not ended; a later observation of a tensor replaces an earlier one.
    var pending: [String: Votes] = [:]
    var votes: [String: Votes] = [:]
    var endedSteps = 0
    /// The winning patterns, empty for modes that were loaded without them.
    var patterns: [String: LayerPatterns] = [:]
    /// nil while calibrating.
    var modes: [String: LayerModes]?
  }

  let recipe: String
  private let detector: PatternDetector
  private let table: PatternTable
  private let steps: Int
  private let values = Mutex(Values())

  init(recipe: String, detector: PatternDetector, table: PatternTable, steps: Int) {
    precondition(steps > 0, "A calibration has at least one step, not \(steps).")
    self.recipe = recipe
    self.detector = detector
    self.table = table
    self.steps = steps
  }

  /// Whether patterns are being recorded.
  public var isCalibrating: Bool { snapshot.modes == nil }

  /// The modes of a layer: nil while calibrating, and no rotation for a layer that was never seen.
  public func modes(of path: String) -> LayerModes? {
    values.withLock { values in values.modes.map { $0[path] ?? .all(.none) } }
  }

  /// The patterns that won, by layer; empty while calibrating.
  public var patterns: [String: LayerPatterns] { snapshot.patterns }

  /// Records the pattern of a tensor as it is before quantization.
  func observe(_ tensor: Tensor, as role: WritableKeyPath<Votes, [OutlierPattern]> & Sendable, path: String) {
    let pattern = detector.pattern(of: tensor)
    values.withLock { $0.pending[path, default: Votes()][keyPath: role] = [pattern] }
  }

  /// Counts the votes of a step; after the last step of calibration, decides and freezes the modes.
  public func endOfStep(_ step: Int) {
    values.withLock { values in
      guard values.modes == nil else { return }
      for (path, vote) in values.pending {
        values.votes[path, default: Votes()].x += vote.x
        values.votes[path, default: Votes()].w += vote.w
        values.votes[path, default: Votes()].gradient += vote.gradient
      }
      values.pending = [:]
      values.endedSteps += 1
      guard values.endedSteps >= steps else { return }
      values.patterns = values.votes.mapValues(\.majority)
      values.modes = values.patterns.mapValues(table.modes(for:))
    }
  }

  /// A copy of everything.
  var snapshot: Values { values.withLock { $0 } }

  /// Replaces everything.
  func replace(by new: Values) { values.withLock { $0 = new } }

  /// The patterns and modes of every layer, and the share of each pattern.
  public var description: String {
    let values = snapshot
    guard let modes = values.modes else {
      return "Recording outlier patterns: \(values.endedSteps) of \(steps) steps."
    }
    var lines = modes.sorted { $0.key < $1.key }.map { path, modes in
      let patterns = values.patterns[path].map {
        " (x \($0.x.rawValue), w \($0.w.rawValue), e \($0.gradient.rawValue))"
      }
      return "\(path)\(patterns ?? ""): forward \(modes.forward.rawValue), input gradient "
        + "\(modes.inputGradient.rawValue), weight gradient \(modes.weightGradient.rawValue)"
    }
    for (name, role) in [("x", \LayerPatterns.x), ("w", \LayerPatterns.w), ("e", \LayerPatterns.gradient)] {
      let found = values.patterns.values.map { $0[keyPath: role] }
      let shares = OutlierPattern.allCases.map { pattern in
        "\(found.count { $0 == pattern }) \(pattern.rawValue)"
      }
      lines.append("\(name): \(shares.joined(separator: ", ")) of \(found.count) layers")
    }
    return lines.joined(separator: "\n")
  }
}
