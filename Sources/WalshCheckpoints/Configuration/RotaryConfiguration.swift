import Foundation

/// Rotary position embedding: the base θ and how frequencies are stretched for long texts.
///
/// Both spellings are read: `rope_theta` with `rope_scaling` (transformers 4) and `rope_parameters` (transformers 5).
public struct RotaryConfiguration: Equatable, Sendable {
  /// How the frequencies are stretched.
  public enum Scaling: Equatable, Sendable {
    /// Not at all.
    case none
    /// All divided by `factor`.
    case linear(factor: Double)
    /// θ grows with the sequence beyond `max_position_embeddings` (NTK-aware).
    case dynamic(factor: Double)
    /// Frequencies below one turn in the original context divided by `factor`, high ones kept, between them a smooth
    /// passage (Llama 3.1).
    case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalPositions: Int)
    /// YaRN, arXiv 2309.00071.
    case yarn(YaRN)
  }

  /// The parameters of YaRN.
  public struct YaRN: Equatable, Sendable {
    /// The stretch of the context.
    public let factor: Double
    /// The context before stretching.
    public let originalPositions: Int
    /// Turns in the original context above which a frequency is kept.
    public let betaFast: Double
    /// Turns below which a frequency is divided by `factor`.
    public let betaSlow: Double
    /// The factor on cosines and sines.
    public let attentionFactor: Double
    /// Whether the ends of the ramp are rounded to whole channels.
    public let truncates: Bool
  }

  /// The base θ of the frequencies θ^(−2i/d).
  public let theta: Double
  /// How they are stretched.
  public let scaling: Scaling

  /// A base and a way to stretch.
  public init(theta: Double, scaling: Scaling = .none) {
    self.theta = theta
    self.scaling = scaling
  }

  init(_ fields: ConfigurationFields, maximumPositions: Int) throws(CheckpointError) {
    let parameters = try fields.nested("rope_parameters")
    let thetaRange = 1.0...1e15
    let outerTheta = try fields.number("rope_theta", in: thetaRange)
    theta = try parameters?.number("rope_theta", in: thetaRange) ?? outerTheta ?? 10_000

    let older = try fields.nested("rope_scaling")
    guard let scaling = parameters ?? older else {
      self.scaling = .none
      return
    }
    if let part = try scaling.number("partial_rotary_factor", in: 0...1), part != 1 {
      throw scaling.error("partial_rotary_factor", "is \(part); this architecture rotates whole heads")
    }
    let key = scaling.value("rope_type") == nil ? "type" : "rope_type"
    let kinds: KeyValuePairs<String, Kind> = [
      "default": .none, "linear": .linear, "dynamic": .dynamic, "llama3": .llama3, "yarn": .yarn,
    ]
    switch try scaling.choice(key, of: kinds) ?? .none {
    case .none: self.scaling = .none
    case .linear: self.scaling = .linear(factor: try Self.factor(scaling))
    case .dynamic: self.scaling = .dynamic(factor: try Self.factor(scaling))
    case .llama3: self.scaling = try Self.llama3(scaling, maximum: maximumPositions)
    case .yarn: self.scaling = try Self.yarn(scaling, maximum: maximumPositions)
    }
  }

  private enum Kind { case none, linear, dynamic, llama3, yarn }

  private static func factor(_ fields: ConfigurationFields) throws(CheckpointError) -> Double {
    guard let factor = try fields.number("factor", in: 1...1e6) else { throw fields.error("factor", "is missing") }
    return factor
  }

  private static func originalPositions(
    _ fields: ConfigurationFields, _ maximum: Int
  ) throws(CheckpointError) -> Int {
    try fields.integer("original_max_position_embeddings", in: 1...1_000_000_000) ?? maximum
  }

  private static func llama3(_ fields: ConfigurationFields, maximum: Int) throws(CheckpointError) -> Scaling {
    let low = try fields.number("low_freq_factor", in: 1e-6...1e6) ?? 1
    let high = try fields.number("high_freq_factor", in: 1e-6...1e6) ?? 4
    guard low < high else {
      throw fields.error("high_freq_factor", "is \(high); it must be above low_freq_factor, which is \(low)")
    }
    return .llama3(
      factor: try factor(fields), lowFrequencyFactor: low, highFrequencyFactor: high,
      originalPositions: try originalPositions(fields, maximum))
  }

  private static func yarn(_ fields: ConfigurationFields, maximum: Int) throws(CheckpointError) -> Scaling {
    let original = try originalPositions(fields, maximum)
    let factor = try fields.number("factor", in: 1...1e6) ?? max(1, Double(maximum) / Double(original))
    func logScale(_ weight: Double) -> Double { factor <= 1 ? 1 : 0.1 * weight * log(factor) + 1 }
    let positive = 1e-6...1e6
    let scale = try fields.number("mscale", in: 0...1e6) ?? 0
    let scaleAll = try fields.number("mscale_all_dim", in: 0...1e6) ?? 0
    let derived = scale > 0 && scaleAll > 0 ? logScale(scale) / logScale(scaleAll) : logScale(1)
    return .yarn(
      YaRN(
        factor: factor, originalPositions: original,
        betaFast: try fields.number("beta_fast", in: positive) ?? 32,
        betaSlow: try fields.number("beta_slow", in: positive) ?? 1,
        attentionFactor: try fields.number("attention_factor", in: positive) ?? derived,
        truncates: try fields.flag("truncate") ?? true))
  }
}
