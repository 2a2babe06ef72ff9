import WalshFormats
import WalshTensor

/// Where the outliers of a trained model lie, and how well each mode of AdaHOP computes each of its products.
///
/// The model reads windows of a text, forward and backward, in Float32. Every window is an observation of X, W and
/// E = ∂L/∂Y of each linear layer in its blocks, classified by the detector that AdaHOP calibrates with; and each of the
/// layer's three products is computed in every mode and compared with the exact one. Embedding and output layer, which
/// AdaHOP leaves alone, are not studied.
///
/// Everything is rounded to nearest, E too: the errors compare transforms, and stochastic rounding would add the same
/// noise to all of them. The weight gradient is measured in the mode that is asked for, also where AdaHOP would execute
/// another one (`ProductMode.inWeightGradient`).
public struct PatternStudy: Sendable {
  /// What is studied.
  public struct Settings: Sendable, Hashable {
    /// The formats whose errors are measured; none for patterns alone.
    public var formats = [NumericFormat.mxfp4]
    /// How patterns are told apart.
    public var detector = PatternDetector()
    /// The most lines that a product extracts, as in the paper.
    public var extractionCount = 64
    /// The largest share of an operand's lines that is extracted: the 64 of 1024 lines of the specification's study. Of a
    /// small model 64 lines may be all there are, and extracting all is no quantization.
    public var extractionShare = 1.0 / 16

    public init() {}

    /// How many of `lines` are extracted, at least one.
    public func extracted(of lines: Int) -> Int {
      max(1, min(extractionCount, Int((extractionShare * Double(lines)).rounded())))
    }
  }

  /// One linear layer.
  public struct Layer: Sendable {
    /// The module path, such as `model.layers.3.mlp.up_proj`.
    public let path: String
    /// The patterns in each window.
    public internal(set) var observations: [LayerPatterns] = []
    /// The errors of each product, for each of the study's formats.
    public internal(set) var errors: [ProductSlot: [ModeErrors]] = [:]

    /// The place in a block, such as `q`, `o` or `down`: the last part of the path without `_proj`.
    public var kind: String {
      let name = path.split(separator: ".").last.map(String.init) ?? path
      return name.hasSuffix("_proj") ? String(name.dropLast(5)) : name
    }

    /// The pattern that each tensor has most often, which is how AdaHOP decides.
    public var patterns: LayerPatterns {
      LayerPatterns(
        x: .majority(of: observations.map(\.x)), w: .majority(of: observations.map(\.w)),
        gradient: .majority(of: observations.map(\.gradient)))
    }
  }

  /// The products of one kind whose operands have the same patterns.
  public struct Group: Sendable {
    public let slot: ProductSlot
    public let pair: PatternTable.Pair
    /// The number of layers.
    public internal(set) var layers = 0
    /// The errors, for each of the study's formats.
    public internal(set) var errors: [ModeErrors]
  }

  public let settings: Settings
  /// The layers in the order of the model.
  public let layers: [Layer]
  /// The number of windows.
  public let windows: Int
  /// The number of tokens that were read.
  public let tokens: Int

  /// The kinds of layers in the order of a block.
  public var kinds: [String] {
    layers.reduce(into: []) { kinds, layer in if !kinds.contains(layer.kind) { kinds.append(layer.kind) } }
  }

  /// The share of observations of a tensor, in layers of one kind, that have each pattern.
  public func shares(of tensor: KeyPath<LayerPatterns, OutlierPattern>, kind: String) -> [OutlierPattern: Double] {
    let seen = layers.filter { $0.kind == kind }.flatMap(\.observations).map { $0[keyPath: tensor] }
    return Dictionary(
      uniqueKeysWithValues: OutlierPattern.allCases.map { pattern in
        (pattern, Double(seen.count { $0 == pattern }) / Double(max(1, seen.count)))
      })
  }

  /// The products by kind and pair of patterns, those that occur.
  public var groups: [Group] {
    ProductSlot.allCases.flatMap { slot in
      var groups: [PatternTable.Pair: Group] = [:]
      for layer in layers {
        let pair = layer.patterns.pair(in: slot)
        groups[
          pair, default: Group(slot: slot, pair: pair, errors: settings.formats.map { _ in ModeErrors() })
        ].add(layer)
      }
      return OutlierPattern.allCases.flatMap { left in
        OutlierPattern.allCases.compactMap { groups[PatternTable.Pair(left, $0)] }
      }
    }
  }

  /// The errors of one product over all layers, or those of one kind, in a format of the study.
  public func errors(of slot: ProductSlot, kind: String? = nil, format: Int) -> ModeErrors {
    layers.filter { kind == nil || $0.kind == kind }.reduce(into: ModeErrors()) { sum, layer in
      if let errors = layer.errors[slot]?[format] { sum.add(errors) }
    }
  }

  /// The error of one product when each layer has a mode of its own.
  public func error(
    of slot: ProductSlot, kind: String? = nil, format: Int, choosing mode: (Layer) -> ProductMode?
  ) -> Double {
    var (squares, count) = (0.0, 0)
    for layer in layers where kind == nil || layer.kind == kind {
      guard let errors = layer.errors[slot]?[format], let mode = mode(layer) else { continue }
      squares += errors[mode] * errors[mode] * Double(errors.count)
      count += errors.count
    }
    return count > 0 ? (squares / Double(count)).squareRoot() : .nan
  }

  /// The error of one product when each layer has the mode that a table gives to its patterns.
  public func error(of slot: ProductSlot, kind: String? = nil, format: Int, by table: PatternTable) -> Double {
    error(of: slot, kind: kind, format: format) { layer in
      let mode = table.modes(for: layer.patterns)[slot]
      return slot == .weightGradient ? mode.inWeightGradient : mode
    }
  }
}

extension PatternStudy.Group {
  /// Adds the products of a layer.
  fileprivate mutating func add(_ layer: PatternStudy.Layer) {
    layers += 1
    for (format, measured) in (layer.errors[slot] ?? []).enumerated() { errors[format].add(measured) }
  }
}
