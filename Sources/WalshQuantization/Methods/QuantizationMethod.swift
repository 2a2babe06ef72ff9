import WalshModels

/// A method of quantization: from a model's outline and a preset to a plan.
///
/// Methods only decide. Reading, folding, solving, writing and resuming belong to the engine.
public protocol QuantizationMethod: Sendable {
  /// The name on the command line, such as `rotation`.
  static var name: String { get }

  /// The plan for a model.
  ///
  /// - Parameters:
  ///   - outline: the model's groups.
  ///   - preset: the formats.
  ///   - exceptions: layers that stay in full precision, and with each its whole group: the layers of a group share one
  ///     activation, and other runtimes fuse them into one. Transforms apply all the same.
  /// - Throws: `QuantizationError` when the method cannot serve this model.
  func plan(for outline: ModelOutline, preset: Preset, exceptions: LayerSelection) throws -> Plan
}
