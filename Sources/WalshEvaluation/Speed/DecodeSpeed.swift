import WalshCheckpoints
import WalshModels
import WalshTensor

/// How fast a model reads a prompt and continues it, one text at a time.
public struct DecodeSpeed: Sendable, Hashable {
  /// The length of the prompt.
  public let promptTokens: Int
  /// How many tokens were generated behind it.
  public let tokens: Int
  /// The median time to read the prompt, in seconds.
  public let promptSeconds: Double
  /// The median time to generate the tokens, in seconds; reading the prompt is not in it.
  public let seconds: Double

  public init(promptTokens: Int, tokens: Int, promptSeconds: Double, seconds: Double) {
    self.promptTokens = promptTokens
    self.tokens = tokens
    self.promptSeconds = promptSeconds
    self.seconds = seconds
  }

  /// Generated tokens per second.
  public var tokensPerSecond: Double { Double(tokens) / seconds }
  /// Tokens of the prompt per second.
  public var promptTokensPerSecond: Double { Double(promptTokens) / promptSeconds }

  /// `{"promptTokens", "tokens", "promptTokensPerSecond", "decodeTokensPerSecond"}`.
  public var json: JSON {
    [
      "promptTokens": .number(JSONNumber(promptTokens)), "tokens": .number(JSONNumber(tokens)),
      "promptTokensPerSecond": JSON(finite: promptTokensPerSecond),
      "decodeTokensPerSecond": JSON(finite: tokensPerSecond),
    ]
  }
}

extension LanguageModel {
  /// Continues `prompt` greedily by exactly `tokens` tokens, `repeats` times from the beginning, and takes medians.
  ///
  /// With one worker the processor time of the calling thread counts, which other programs disturb little; with more the
  /// time on the wall.
  ///
  /// - Precondition: the prompt is not empty, and both numbers are positive.
  public func decodeSpeed(prompt: [Int], tokens: Int, repeats: Int = 3) -> DecodeSpeed {
    precondition(!prompt.isEmpty && tokens > 0 && repeats > 0, "Speed is measured on a prompt, a token and a repeat.")
    let stopwatch = Parallel.workerCount == 1 ? Stopwatch.thread : .wall
    var promptSeconds: [Double] = []
    var seconds: [Double] = []
    for _ in 0..<repeats {
      let state = makeState()
      var next = 0
      promptSeconds.append(
        stopwatch.seconds { next = Self.likeliest(nextLogits(after: prompt, state: state)) })
      seconds.append(
        stopwatch.seconds {
          for _ in 0..<tokens { next = Self.likeliest(nextLogits(after: next, state: state)) }
        })
    }
    return DecodeSpeed(
      promptTokens: prompt.count, tokens: tokens, promptSeconds: median(promptSeconds), seconds: median(seconds))
  }

  private static func likeliest(_ logits: Tensor) -> Int { logits.argMax[0] }
}
