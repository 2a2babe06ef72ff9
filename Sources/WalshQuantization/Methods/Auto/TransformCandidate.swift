import WalshModels
import WalshTensor

/// A transform that any linear group can be given, by name: what `auto` chooses among and what `inspect --channels` shows.
public struct TransformCandidate: Sendable {
  /// The name, such as `block32`.
  public let name: String
  private let make: @Sendable (LinearGroup, UInt64) throws -> GroupTransform

  /// - Parameters:
  ///   - name: what tables call it.
  ///   - make: the transform of a group, with the seed of what is random in it.
  public init(_ name: String, make: @escaping @Sendable (LinearGroup, UInt64) throws -> GroupTransform) {
    self.name = name
    self.make = make
  }

  /// The transform of `group`.
  public func transform(of group: LinearGroup, seed: UInt64) throws -> GroupTransform { try make(group, seed) }

  /// All candidates, the plainest first: of equals the first is chosen.
  public static let all: [TransformCandidate] = [
    TransformCandidate("none") { _, _ in .none },
    TransformCandidate("smoothing") { _, _ in .calibrated(SmoothingScales(strength: 0.5)) },
    TransformCandidate("block32") { try rotation(.block32, of: $0, seed: $1) },
    TransformCandidate("hadamard") { try rotation(.hadamard, of: $0, seed: $1) },
  ]

  private static func rotation(_ kind: RotationKind, of group: LinearGroup, seed: UInt64) throws -> GroupTransform {
    .fixed(try kind.rotation(of: group, stream: RandomStream(seed: seed, purpose: "auto/\(kind)/\(group.id)")))
  }
}
