import Foundation
import WalshCheckpoints
import WalshModels
import WalshTensor
import WalshTransforms

/// Writes a copy of a full precision model that computes the same and has `SyntheticOutliers`.
///
/// The engine carries it out as it does any plan: a rotation of the residual stream, a transform for each group, all of them
/// folded, and all formats at full precision.
public struct OutlierRun {
  /// The model to read.
  public let source: ModelFolder
  /// What to make of it.
  public let outliers: SyntheticOutliers

  /// What stands out in the result.
  public struct Result: Sendable {
    /// The outlier channels of each group, in the order of the model.
    public let groups: [(group: LinearGroup, channels: [Int])]
    /// The begin token's channel; nil when it has none.
    public let tokenChannel: BeginTokenChannel?
    /// ‖Δ‖ / ‖y‖ of the logits y on a text that the model told itself.
    public let logitDifference: Double
  }

  /// Checks model and settings; touches no tensor.
  ///
  /// - Throws: `CheckpointError` or `QuantizationError`, one sentence each.
  public init(_ source: ModelFolder, outliers: SyntheticOutliers) throws {
    self.source = source
    self.outliers = outliers
    if try source.configuration.quantization() != nil {
      throw QuantizationError(
        source.checkpoint.folder.path, "the model is quantized; outliers go into its full precision base.")
    }
    try source.architecture.checkParameters(of: source.checkpoint)
    try outliers.check(source.architecture.outline)
  }

  /// Carries out the run. The whole model is in memory.
  ///
  /// - Parameters:
  ///   - output: the folder to write; it appears only when it is whole.
  ///   - replacing: whether it may replace a model folder of that name.
  ///   - progress: called before each step.
  /// - Throws: `CheckpointError`, `LinearAlgebraError`.
  /// - Postcondition: logits are those of the source, by scales alone bit for bit, else to 1e-5 relative; in a checkpoint of
  ///   16-bit numbers, rotated weights are rounded to them.
  public func write(
    to output: URL, replacing: Bool = false, progress: ((ProgressUpdate) throws -> Void)? = nil
  ) throws -> Result {
    // What an interrupted run left is of no use, what a finished one made is not replaced without being told.
    let exists = FileManager.default.fileExists(atPath: output.path(percentEncoded: false))
    if exists && !replacing {
      throw CheckpointError(output, "the folder exists; choose another name or pass --force to replace it.")
    }
    try progress?(ProgressUpdate("telling texts", done: 0, total: 1))
    let model = try source.model()
    let texts = ownTexts(model)
    let token = try tokenChannel()
    var run = try QuantizationRun(
      source: source.checkpoint, request: QuantizationRequest(method: .rtn, preset: .full),
      plan: try plan(texts, token), calibration: nil)
    run.card = card(token)
    _ = try run.write(to: output, existing: .replace, progress: progress)

    let result = try LanguageModel(Checkpoint(folder: output))
    let reference = model.logits(for: texts[0])
    let difference = result.logits(for: texts[0]) - reference
    return Result(
      groups: groups.map { ($0, outliers.channels(of: $0)) }, tokenChannel: token,
      logitDifference: (difference.sumOfSquares / reference.sumOfSquares).squareRoot())
  }

  private var groups: [LinearGroup] { source.architecture.outline.blocks.flatMap(\.groups) }
  private var weights: CheckpointWeights {
    CheckpointWeights(source.checkpoint, architecture: source.architecture, quantization: nil)
  }

  // MARK: Plan

  private func plan(_ texts: [[Int]], _ token: BeginTokenChannel?) throws -> Plan {
    var plan = Plan(method: "outliers", preset: .full)
    if outliers.concentrates {
      plan.residual = try ResidualConcentration.transform(
        of: ResidualConcentration.moment(of: UnpackedWeights(base: weights), source.architecture, texts: texts),
        into: outliers.residualChannels(of: source.architecture.outline.hiddenSize))
    }
    for group in groups where group.source.absorbsScales {
      let channel = token.flatMap { $0.group == group.id ? $0.channel : nil }
      plan.groups[group.id] = GroupPlan(transform: .fixed(outliers.transform(of: group, tokenChannel: channel)))
    }
    return plan
  }

  /// The token that begins a text, by the configuration or else the tokenizer; nil when neither names one.
  private var beginToken: Int? {
    source.configuration.json["bos_token_id"]?.intValue ?? (try? source.tokenizer())?.beginningOfTextID
  }

  private func tokenChannel() throws -> BeginTokenChannel? {
    guard outliers.tokenScale > 1, let beginToken else { return nil }
    return BeginTokenChannel(
      of: beginToken, embedding: try source.architecture.embedding(from: weights),
      block: try source.architecture.block(0, from: UnpackedWeights(base: weights)), seed: outliers.seed)
  }

  /// Eight texts of at most 128 tokens that the model tells itself: what it reads, so that no text need be given.
  private func ownTexts(_ model: LanguageModel) -> [[Int]] {
    let stream = RandomStream(seed: outliers.seed, purpose: "outliers/beginnings")
    return (0..<8).map { index in
      let first = beginToken.flatMap { (0..<model.vocabularySize).contains($0) ? $0 : nil }
      let prompt = [first ?? Int(stream.uniform64(at: index) * Double(model.vocabularySize))]
      let length = min(128, source.architecture.contextLength ?? .max)
      return prompt
        + TokenGenerator(
          model: model, prompt: prompt, sampler: Sampler(temperature: 1, seed: outliers.seed &+ UInt64(index)),
          endTokens: [], limit: length - 1)
    }
  }

  // MARK: Card

  private func card(_ token: BeginTokenChannel?) -> String {
    let tokenLine = token.map {
      "channel \($0.channel) of \($0.group), which the begin token drives hardest, × \(outliers.tokenScale)"
    }
    return """
      # \(source.name), with synthetic outliers

      The same function as its base, made with Walsh to compare methods of quantization: the outliers below are not learned.

      - Channel outliers: \(outliers.channels) of each activation × \(outliers.scale), and the weights that read them smaller by
        the same factor; seed \(outliers.seed).
      - Residual stream: \(outliers.concentrates ? "its strongest directions rotated into these channels" : "as it was").
      - Token outliers: \(tokenLine ?? "none").

      """
  }
}
