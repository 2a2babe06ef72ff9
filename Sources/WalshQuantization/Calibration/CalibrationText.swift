import Foundation
import WalshCheckpoints
import WalshTensor

/// The token sequences that a model is calibrated on.
public struct CalibrationText: Sendable {
  /// One sequence of tokens per sample, each at least two long.
  public let samples: [[Int]]
  /// What the samples were taken from, for people.
  public let source: String

  /// The number of tokens in all samples.
  public var tokenCount: Int { samples.reduce(0) { $0 + $1.count } }

  /// - Parameter samples: at least one, none empty.
  public init(samples: [[Int]], source: String) {
    precondition(!samples.isEmpty && samples.allSatisfy { !$0.isEmpty }, "Calibration needs tokens.")
    self.samples = samples
    self.source = source
  }

  /// Samples from a file: a JSON array of documents, or plain text.
  ///
  /// Documents are taken in a random order without repetition, each a begin token and text, cut at `context`. Plain text
  /// is tokenized once, and samples are windows of `context` tokens at random places; text shorter than a window is one
  /// sample.
  /// - Parameters:
  ///   - url: a `.json` file, or any other as UTF-8 text.
  ///   - tokenizer: the model's.
  ///   - beginToken: put before each document.
  ///   - count: the most samples.
  ///   - context: the most tokens of a sample.
  ///   - seed: of the choice.
  /// - Throws: `QuantizationError` for a file that cannot be read or holds no text.
  public init(
    _ url: URL, tokenizer: Tokenizer, beginToken: Int?, count: Int, context: Int, seed: UInt64
  ) throws {
    guard let bytes = try? [UInt8](Data(contentsOf: url)) else {
      throw QuantizationError(url.path, "the calibration file cannot be read; check its name and permissions.")
    }
    if url.pathExtension.lowercased() == "json" {
      let documents = try CalibrationText.documents(bytes, url)
      try self.init(
        documents: documents, named: url.lastPathComponent, tokenizer: tokenizer, beginToken: beginToken,
        count: count,
        context: context, seed: seed)
      return
    }
    guard let text = String(validating: bytes, as: UTF8.self), !text.isEmpty else {
      throw QuantizationError(url.path, "the calibration file is empty or not UTF-8 text.")
    }
    try self.init(
      text: text, named: url.lastPathComponent, tokenizer: tokenizer, count: count, context: context, seed: seed)
  }

  /// Samples from a text: windows at random places.
  public init(
    text: String, named source: String, tokenizer: Tokenizer, count: Int, context: Int, seed: UInt64
  ) throws {
    let tokens = tokenizer.encode(text, addingSpecialTokens: false)
    guard tokens.count > 1 else {
      throw QuantizationError(source, "the calibration text has fewer than two tokens; use a longer one.")
    }
    if tokens.count <= context {
      self.init(samples: [tokens], source: source)
      return
    }
    let stream = RandomStream(seed: seed, purpose: "calibration/windows")
    self.init(
      samples: (0..<count).map { sample in
        let start = Int(stream.uniform64(at: sample) * Double(tokens.count - context + 1))
        return Array(tokens[start..<start + context])
      }, source: source)
  }

  /// Samples from documents, each from its beginning.
  public init(
    documents: [String], named source: String, tokenizer: Tokenizer, beginToken: Int?, count: Int, context: Int,
    seed: UInt64
  ) throws {
    var order = Array(documents.indices)
    var generator = RandomStream(seed: seed, purpose: "calibration/documents").generator
    order.shuffle(using: &generator)
    var samples: [[Int]] = []
    for index in order where samples.count < count {
      let tokens = tokenizer.encode(documents[index], addingSpecialTokens: false)
      let sample = Array(((beginToken.map { [$0] } ?? []) + tokens).prefix(context))
      if sample.count > 1 { samples.append(sample) }
    }
    guard !samples.isEmpty else {
      throw QuantizationError(source, "no document has as many as two tokens; use longer texts.")
    }
    self.init(samples: samples, source: source)
  }

  private static func documents(_ bytes: [UInt8], _ url: URL) throws -> [String] {
    guard let json = try? JSON(parsing: bytes), let entries = json.arrayValue else {
      throw QuantizationError(url.path, "a calibration file that ends in .json must be a JSON array of texts.")
    }
    let texts = entries.compactMap(\.stringValue)
    guard !texts.isEmpty, texts.count == entries.count else {
      throw QuantizationError(url.path, "the JSON array must hold texts only, and at least one.")
    }
    return texts
  }
}
