import WalshFormats
import WalshTensor

/// How one operand of a product is prepared: rotated along the contraction axis, then rounded to a grid.
///
/// An operand is a matrix `[outer, contraction]`, so that a product is A·Bᵀ; groups and rotations run along its rows.
public struct OperandTreatment: Sendable, Hashable {
  /// What is prepared.
  public enum Source: Sendable, Hashable {
    /// The tensor as the model has it.
    case original
    /// The same tensor as the forward product decoded it, read along another axis.
    case forward
  }

  /// The numbers that an operand is rounded to.
  public enum Grid: Sendable, Hashable {
    /// Not rounded.
    case float32
    /// Rounded to bfloat16, the nearest, ties to even.
    case bfloat16
    /// Rounded to a number format whose groups run along the contraction axis.
    case format(NumericFormat)
    /// A two-level format with a tensor scale for each row along the contraction axis, not for the tensor.
    case rowScaled(NumericFormat)
    /// E4M3 with one Float32 scale for each tile of 128 × 128: the FP8 baseline's weights.
    case tiles128
    /// NVFP4 by MS-EDEN with corrections for each rotated group; see `MSEDEN`. Always random.
    case msEDEN
  }

  /// What is prepared.
  public var source: Source
  /// The rotation in front of the grid.
  public var rotation: OperandRotation?
  /// The numbers that are left.
  public var grid: Grid
  /// Whether elements are rounded stochastically, freshly at every step; else to nearest.
  public var isStochastic: Bool
  /// Whether the operand and its rotation are rounded to bfloat16 first, as implementations on GPUs see them.
  public var passesThroughBFloat16: Bool

  public init(
    _ grid: Grid, rotation: OperandRotation? = nil, isStochastic: Bool = false, source: Source = .original,
    passesThroughBFloat16: Bool = false
  ) {
    self.source = source
    self.rotation = rotation
    self.grid = grid
    self.isStochastic = isStochastic
    self.passesThroughBFloat16 = passesThroughBFloat16
  }

  /// Not rounded at all.
  public static let float32 = OperandTreatment(.float32)
  /// Rounded to bfloat16.
  public static let bfloat16 = OperandTreatment(.bfloat16)
  /// The codes of the forward product, read along the other axis.
  public static let forwardCodes = OperandTreatment(.float32, source: .forward)
  /// Rounded to nearest in a number format.
  public static func nearest(_ format: NumericFormat, rotation: OperandRotation? = nil) -> Self {
    Self(.format(format), rotation: rotation)
  }
  /// Rounded stochastically in a number format.
  public static func stochastic(_ format: NumericFormat, rotation: OperandRotation? = nil) -> Self {
    Self(.format(format), rotation: rotation, isStochastic: true)
  }

  /// Whether the prepared operand is smaller than the tensor, so that a pass backward keeps it instead of the tensor.
  var isPacked: Bool { (grid != .float32 && grid != .bfloat16) || source == .forward }

  /// Whether every value is treated alone, so that the operand may lie either way.
  private var isElementwise: Bool { (grid == .float32 || grid == .bfloat16) && rotation == nil }

  /// The transpose of `stored`, shape `[contraction, outer]`, as it enters the product.
  func prepare(transposing stored: Tensor, key: OperandKey) -> PreparedOperand {
    isElementwise ? prepare(stored, key: key).transposed : prepare(stored.transposed(), key: key)
  }

  /// The operand `x`, shape `[outer, contraction]`, as it enters the product.
  ///
  /// - Parameters:
  ///   - x: the operand. Where it is rotated, zeros fill its rows up to a whole number of blocks.
  ///   - key: what the random numbers belong to.
  func prepare(_ x: Tensor, key: OperandKey) -> PreparedOperand {
    var x = passesThroughBFloat16 ? x.roundedToBFloat16() : x
    if let rotation {
      x = rotation.rotate(x, key: key)
      if passesThroughBFloat16 { x = x.roundedToBFloat16() }
    }
    switch grid {
    case .float32: return .dense(x)
    case .bfloat16: return .dense(x.roundedToBFloat16())
    case .format(let format):
      let rounding = isStochastic ? Rounding.stochastic(key.rounding) : .nearestEven
      return .packed(Quantizer(format: format, rounding: rounding).pack(x))
    case .rowScaled(let format):
      let rounding = isStochastic ? Rounding.stochastic(key.rounding) : .nearestEven
      let quantizer = Quantizer(format: format, rounding: rounding)
      return .dense(.stackingRows((0..<x.rowCount).map { quantizer.fakeQuantize(x.rows($0..<$0 + 1)) }))
    case .tiles128: return .packed(x.packedInTiles128())
    case .msEDEN:
      return .packed(MSEDEN(group: rotation?.size ?? 128).quantize(x, scaleRounding: key.rounding))
    }
  }
}

/// Which operand of which product, of which layer, when: what its random numbers belong to.
struct OperandKey: Sendable {
  let layer: LayerContext
  /// `forward`, `input gradient` or `weight gradient`.
  let product: String
  /// `left` or `right`.
  let side: String

  /// The numbers of stochastic rounding: fresh for every micro-batch of every step, layer, product and operand.
  var rounding: RandomStream {
    RandomStream(seed: layer.seed, purpose: "recipe/\(layer.path)/\(product)/\(side)", index: moment)
  }

  /// The signs of a rotation, which both operands of a product share.
  func signs(_ lifetime: OperandRotation.Signs) -> RandomStream {
    RandomStream(
      seed: layer.seed, purpose: "recipe/\(layer.path)/\(product)/signs",
      index: lifetime == .freshEveryStep ? moment + 1 : 0)
  }

  private var moment: UInt64 { UInt64(layer.step) << 20 | UInt64(layer.microBatch) }
}
