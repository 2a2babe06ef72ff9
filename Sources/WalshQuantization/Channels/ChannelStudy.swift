import WalshFormats
import WalshModels

/// How large the channels of every group's activation and weights are before and after transforms, and what rounding then
/// costs: FlatQuant's flatness figures, for any model.
public struct ChannelStudy: Sendable {
  /// One way to treat a group.
  public struct Treatment: Sendable {
    /// The name of the transform; `base` and `stored` for a quantized model beside its base.
    public let name: String
    /// The activation that the layers read, before it is rounded.
    public internal(set) var activation: ChannelProfile
    /// The columns of all layers' weights.
    public internal(set) var weights: ChannelProfile
    /// The error of each layer.
    public internal(set) var layers: [LayerError]
  }

  /// What rounding costs one layer.
  public struct LayerError: Sendable {
    /// The module path.
    public let path: String
    /// ‖W − Ŵ‖² / ‖W‖² when rounded to nearest; nil for weights that are stored rounded.
    public internal(set) var weightError: Double?
    /// Σ‖ŷ − y‖² of the outputs, with weights and activations rounded; of a stored model, with activations rounded.
    var squaredDifference = 0.0
    /// Σ‖y‖² of the outputs.
    var squaredOutput = 0.0

    /// Σ‖ŷ − y‖² / Σ‖y‖², the relative mean squared error of the output; 0 when all outputs are zero.
    public var outputError: Double { squaredOutput > 0 ? squaredDifference / squaredOutput : 0 }
  }

  /// A linear group and how it looks in each treatment.
  public struct Group: Sendable {
    /// The group.
    public let group: LinearGroup
    /// The treatments, in the same order for every group.
    public let treatments: [Treatment]
  }

  /// The groups in the order of the model.
  public let groups: [Group]
  /// What weights and activations were rounded to; nil for a stored model, which has formats of its own.
  public let format: NumericFormat?
  /// The number of windows read.
  public let windows: Int
  /// The number of tokens read.
  public let tokens: Int

  /// The names of the treatments.
  public var names: [String] { groups.first?.treatments.map(\.name) ?? [] }

  /// The roles in the order of a block.
  public var roles: [String] {
    groups.reduce(into: []) { if !$0.contains($1.group.role) { $0.append($1.group.role) } }
  }

  /// The groups of one role, in the order of the blocks.
  public func groups(of role: String) -> [Group] { groups.filter { $0.group.role == role } }
}

extension ChannelStudy.Treatment {
  /// Σ‖ŷ − y‖² / Σ‖y‖² over all layers of the group.
  public var outputError: Double {
    let output = layers.reduce(0) { $0 + $1.squaredOutput }
    return output > 0 ? layers.reduce(0) { $0 + $1.squaredDifference } / output : 0
  }

  /// The mean of the layers' weight errors; nil for weights that are stored rounded.
  public var weightError: Double? {
    let errors = layers.compactMap(\.weightError)
    return errors.isEmpty ? nil : errors.reduce(0, +) / Double(errors.count)
  }
}
