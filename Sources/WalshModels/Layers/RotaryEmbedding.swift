import Foundation
import WalshCheckpoints
import WalshTensor

/// Rotary position embedding as a configuration describes it, stretched for long texts or not.
///
/// Angles are formed in Float32 as transformers forms them, so that logits agree at large positions.
public struct RotaryEmbedding: Sendable {
  private let configuration: RotaryConfiguration
  private let headSize: Int
  private let maximumPositions: Int
  private let table: RotaryTable

  public init(_ c: LlamaConfiguration) {
    configuration = c.rotary
    headSize = c.headSize
    maximumPositions = c.maximumPositions
    table = Self.table(c.rotary, headSize: c.headSize)
  }

  /// Every head of every row rotated; row i of each text has position `positions[i]`.
  ///
  /// With dynamic scaling, texts beyond the model's context use a larger base, which depends on the last position.
  ///
  /// - Parameters:
  ///   - x: shape `[tokens, heads · headSize]`, or `[texts, tokens, heads · headSize]`.
  ///   - positions: one for each token.
  public func applied(to x: Tensor, positions: Range<Int>) -> Tensor {
    table(before: positions.upperBound).applied(to: x, positions: positions)
  }

  /// The table for positions before `end`.
  func table(before end: Int) -> RotaryTable {
    guard case .dynamic(let factor) = configuration.scaling, end > maximumPositions else { return table }
    let stretch = factor * Double(end) / Double(maximumPositions) - (factor - 1)
    let base = configuration.theta * pow(stretch, Double(headSize) / Double(headSize - 2))
    return RotaryTable(inverseFrequencies: Self.frequencies(base: base, headSize: headSize))
  }

  /// θ^(−2i/d) for i < d/2.
  private static func frequencies(base: Double, headSize: Int) -> [Float] {
    (0..<headSize / 2).map { 1 / pow(Float(base), Float(2 * $0) / Float(headSize)) }
  }

  private static func table(_ c: RotaryConfiguration, headSize: Int) -> RotaryTable {
    let plain = frequencies(base: c.theta, headSize: headSize)
    switch c.scaling {
    case .none, .dynamic:
      return RotaryTable(inverseFrequencies: plain)
    case .linear(let factor):
      return RotaryTable(inverseFrequencies: plain.map { $0 / Float(factor) })
    case .llama3(let factor, let low, let high, let original):
      return RotaryTable(
        inverseFrequencies: plain.map { frequency in
          let turns = Double(original) * Double(frequency) / (2 * Double.pi)
          let keep = min(1, max(0, (turns - low) / (high - low)))
          return Float(keep * Double(frequency) + (1 - keep) * Double(frequency) / factor)
        })
    case .yarn(let yarn):
      return RotaryTable(
        inverseFrequencies: stretched(plain, by: yarn, base: c.theta, headSize: headSize),
        magnitude: Float(yarn.attentionFactor))
    }
  }

  /// YaRN's mixture of kept and divided frequencies, a linear ramp over the channels between β_fast and β_slow turns.
  private static func stretched(
    _ plain: [Float], by yarn: RotaryConfiguration.YaRN, base: Double, headSize: Int
  ) -> [Float] {
    func channel(turns: Double) -> Double {
      Double(headSize) * log(Double(yarn.originalPositions) / (turns * 2 * Double.pi)) / (2 * log(base))
    }
    var first = channel(turns: yarn.betaFast)
    var last = channel(turns: yarn.betaSlow)
    if yarn.truncates { (first, last) = (first.rounded(.down), last.rounded(.up)) }
    (first, last) = (max(first, 0), min(last, Double(headSize - 1)))
    if first == last { last += 0.001 }
    return plain.enumerated().map { i, frequency in
      let divided = min(1, max(0, (Double(i) - first) / (last - first)))
      return Float(divided * Double(frequency) / yarn.factor + (1 - divided) * Double(frequency))
    }
  }
}
