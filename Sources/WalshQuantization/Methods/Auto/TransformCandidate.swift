import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

/// A transform that any linear group can be given, by name: what `auto` chooses among and what `inspect --channels` shows.
public struct TransformCandidate: Sendable {
  /// The name, such as `block32`.
  public let name: String
  private let make: @Sendable (LinearGroup, NumericFormat, UInt64) throws -> GroupTransform

  /// - Parameters:
  ///   - name: what tables call it.
  ///   - make: the transform of a group, from the format that its activation or else its weights will have, and the seed of
  ///     what is random in it.
  public init(
    _ name: String, make: @escaping @Sendable (LinearGroup, NumericFormat, UInt64) throws -> GroupTransform
  ) {
    self.name = name
    self.make = make
  }

  /// The transform of `group`.
  public func transform(of group: LinearGroup, format: NumericFormat, seed: UInt64) throws -> GroupTransform {
    try make(group, format, seed)
  }

  /// All candidates, the plainest first: of equals the first is chosen.
  public static let all: [TransformCandidate] = [
    TransformCandidate("none") { _, _, _ in .none },
    TransformCandidate("smoothing") { group, _, _ in
      group.source.absorbsScales ? .calibrated(SmoothingScales(strength: 0.5)) : .none
    },
    TransformCandidate("block32") { .fixed(try rotation(.block32, of: $0, seed: $2)) },
    TransformCandidate("hadamard") { .fixed(try rotation(.hadamard, of: $0, seed: $2)) },
    TransformCandidate("smoothing · block32") { group, _, seed in
      let rotation = try rotation(.block32, of: group, seed: seed)
      return group.source.absorbsScales
        ? .calibrated(SmoothedRotation(smoothing: SmoothingScales(strength: 0.5), rotation: rotation))
        : .fixed(rotation)
    },
    TransformCandidate("duquant++") { group, format, seed in
      let preset = Preset(name: format.name, weights: format, activations: format)
      return group.source.absorbsScales ? DuQuantPlusPlusMethod(seed: seed).transform(for: preset) : .none
    },
  ]

  private static func rotation(
    _ kind: RotationKind, of group: LinearGroup, seed: UInt64
  ) throws -> any LinearTransform {
    try kind.rotation(of: group, stream: RandomStream(seed: seed, purpose: "auto/\(kind)/\(group.id)"))
  }
}
