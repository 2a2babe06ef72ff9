import WalshTensor
import WalshTransforms

/// A block-diagonal rotation of an operand along the contraction axis: v → (v ⊙ s)·H for every `size` values in turn.
///
/// H is Sylvester's matrix over √size. Both operands of a product take the same rotation R, and R·Rᵀ = I, so the exact
/// product is unchanged and there is nothing to undo. Zeros fill the last block, which changes nothing either.
public struct OperandRotation: Sendable, Hashable {
  /// The signs s.
  public enum Signs: Sendable, Hashable {
    /// All +1.
    case none
    /// −1 where the bit of the position is set, for every layer and step: NVIDIA's choice.
    case mask(UInt64)
    /// Drawn for each layer and product when the run begins.
    case freshEveryRun
    /// Drawn for each layer and product at every micro-batch of every step.
    case freshEveryStep
  }

  /// The values that are mixed, a power of two; at most 64 with a mask.
  public let size: Int
  /// The signs.
  public let signs: Signs

  public init(size: Int, signs: Signs = .none) {
    precondition(
      size > 0 && size & (size - 1) == 0, "A rotation of operands mixes a power of two, not \(size) values.")
    if case .mask = signs { precondition(size <= 64, "A mask has 64 signs, not \(size).") }
    self.size = size
    self.signs = signs
  }

  /// The random Hadamard transform of NVFP4 pretraining: 16 values, the signs of TransformerEngine and torchao.
  public static let nvidia = OperandRotation(size: 16, signs: .mask(0xD7E8))

  /// The name in a recipe's table.
  var label: String { signs == .none ? "Hadamard \(size)" : "RHT \(size)" }

  /// The rows of `x` rotated, with zeros up to a whole number of blocks.
  func rotate(_ x: Tensor, key: OperandKey) -> Tensor { rotate(x, signs: signs(key: key)) }

  /// The rows of `x` rotated with given signs, none or `size` of them.
  func rotate(_ x: Tensor, signs: [Float]) -> Tensor {
    var x = x.paddingColumns(toMultipleOf: size)
    let shape = x.shape
    guard x.count > 0 else { return x }
    guard let transform = try? HadamardTransform(order: size, inputSigns: signs) else {
      preconditionFailure("There is a Hadamard matrix of order \(size), a power of two.")
    }
    x = x.reshaped(to: [x.count / size, size]).transformed(by: transform)
    return x.reshaped(to: shape)
  }

  /// The signs as numbers, empty when there are none.
  func signs(key: OperandKey) -> [Float] {
    switch signs {
    case .none: return []
    case .mask(let mask): return (0..<size).map { mask >> UInt64($0) & 1 == 1 ? -1 : 1 }
    case .freshEveryRun, .freshEveryStep:
      let stream = key.signs(signs)
      return (0..<size).map { stream.sign(at: $0) }
    }
  }
}
