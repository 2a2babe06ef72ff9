import ArgumentParser
import WalshModels

/// How tokens are drawn.
struct SamplingOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The most tokens to write.", valueName: "count"))
  var tokens = 256

  @Option(help: ArgumentHelp("0 takes the likeliest token; 1 draws from the model's distribution.", valueName: "t"))
  var temperature: Float = 0

  @Option(help: ArgumentHelp("Draw from the k likeliest tokens.", valueName: "k"))
  var topK: Int?

  @Option(help: ArgumentHelp("Draw from the fewest tokens that hold this probability.", valueName: "p"))
  var topP: Float?

  @Option(help: ArgumentHelp("Draw from tokens at least this likely relative to the likeliest.", valueName: "p"))
  var minP: Float?

  @Option(help: ArgumentHelp("The same seed gives the same text.", valueName: "n"))
  var seed: UInt64 = 0

  func validate() throws {
    if tokens < 1 { throw ValidationError("--tokens \(tokens): at least one token is needed.") }
    if !(temperature >= 0) { throw ValidationError("--temperature \(temperature): it must not be negative.") }
    if let topK, topK < 1 { throw ValidationError("--top-k \(topK): at least one token must remain.") }
    for (name, value) in [("--top-p", topP), ("--min-p", minP)] {
      if let value, !(value > 0 && value <= 1) {
        throw ValidationError("\(name) \(value): it lies above 0 and up to 1.")
      }
    }
  }

  /// The sampler that the options describe.
  var sampler: Sampler { Sampler(temperature: temperature, topK: topK, topP: topP, minP: minP, seed: seed) }
}
