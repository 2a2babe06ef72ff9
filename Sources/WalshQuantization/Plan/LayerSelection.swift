import Foundation
import WalshModels

/// Which linear layers stay in full precision: exact module paths and `re:` patterns, as in compressed-tensors.
public struct LayerSelection: Sendable, Hashable {
  /// The patterns as given.
  public let patterns: [String]

  /// - Parameter patterns: a module path (`model.layers.0.mlp.down_proj`), its last name (`down_proj`), or `re:`
  ///   followed by a regular expression that must match from the start of the path.
  /// - Throws: `QuantizationError` for a pattern that is no regular expression.
  public init(_ patterns: [String]) throws(QuantizationError) {
    self.patterns = patterns
    for pattern in patterns where pattern.hasPrefix("re:") {
      guard (try? NSRegularExpression(pattern: String(pattern.dropFirst(3)))) != nil else {
        throw QuantizationError("--except \(pattern)", "what follows re: is no regular expression.")
      }
    }
  }

  /// Whether `path` is selected.
  public func contains(_ path: String) -> Bool {
    patterns.contains { pattern in
      guard pattern.hasPrefix("re:") else { return pattern == path || path.hasSuffix("." + pattern) }
      guard let expression = try? NSRegularExpression(pattern: String(pattern.dropFirst(3))) else { return false }
      let whole = NSRange(path.startIndex..., in: path)
      return expression.firstMatch(in: path, options: .anchored, range: whole) != nil
    }
  }

  /// The first pattern that selects none of `paths`; nil when all select something.
  public func unmatchedPattern(in paths: [String]) -> String? {
    patterns.first { pattern in
      guard let one = try? LayerSelection([pattern]) else { return true }
      return !paths.contains { one.contains($0) }
    }
  }
}
