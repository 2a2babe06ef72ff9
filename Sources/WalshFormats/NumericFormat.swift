/// What the numbers of a quantized tensor are: element, who shares a scale, what the scale is, and symmetry.
///
/// x̂ = (element(code) − zeroPoint) · scale / tensorScale. Groups run along the last axis, the contraction axis of the
/// product that the tensor will enter. A format says nothing about where it is used nor how values are rounded: that
/// is a `Quantizer`.
public struct NumericFormat: Hashable, Sendable {
  /// Which elements share a scale.
  public enum Granularity: Hashable, Sendable {
    /// All of the tensor.
    case tensor
    /// Each row along the last axis: an output channel of a weight, a token of an activation.
    case row
    /// Consecutive elements of a row; the last group of a row may be shorter (as if padded with zeros).
    case group(Int)
    /// Tiles of 16 × 16, stored as if every row had its own scales: quantizing and transposing commute.
    case tile16
  }

  /// What a stored scale is.
  public enum Scale: Hashable, Sendable {
    /// Four bytes, little-endian.
    case float32
    /// Two bytes, the Float32 scale rounded to bfloat16 before it is used.
    case bfloat16
    /// One byte, a power of two.
    case e8m0(E8M0Rule)
    /// One byte of E4M3, with or without a scale of the tensor.
    case e4m3(E4M3Scheme)

    /// The bytes of one stored scale.
    public var byteCount: Int {
      switch self {
      case .float32: 4
      case .bfloat16: 2
      case .e8m0, .e4m3: 1
      }
    }
  }

  /// Whether zero is the middle of the range.
  public enum Symmetry: Hashable, Sendable {
    /// Scale = largest magnitude / largest element.
    case symmetric
    /// Scale = (max − min) / (2^bits − 1) with zero in the range, and a zero point; integers only.
    case asymmetric
  }

  /// The stored elements.
  public let element: ElementFormat
  /// Who shares a scale.
  public let granularity: Granularity
  /// The stored scales.
  public let scale: Scale
  /// Whether there are zero points.
  public let symmetry: Symmetry

  /// A format of any sensible combination.
  ///
  /// Integers have 2 to 8 bits; only they may be asymmetric; tiles need E4M3 scales; E4M3 scales need E2M1 elements in
  /// groups of 16 or tiles; E8M0 scales need floating-point elements in groups.
  public init(
    element: ElementFormat, granularity: Granularity, scale: Scale, symmetry: Symmetry = .symmetric
  ) {
    if case .int(let bits) = element {
      precondition((2...8).contains(bits), "Integers have 2 to 8 bits, not \(bits).")
    }
    precondition(element.isInteger || symmetry == .symmetric, "Only integer formats have zero points.")
    var isGroup = false
    if case .group(let n) = granularity {
      precondition(n > 0, "A group has at least one element, not \(n).")
      isGroup = true
    }
    switch scale {
    case .float32, .bfloat16: precondition(granularity != .tile16, "Tiles of 16 × 16 need E4M3 scales.")
    case .e8m0: precondition(isGroup && !element.isInteger, "E8M0 scales belong to groups of small floats.")
    case .e4m3:
      precondition(
        element == .e2m1 && (granularity == .group(16) || granularity == .tile16),
        "E4M3 scales belong to E2M1 elements in groups of 16 or tiles of 16 × 16.")
    }
    self.element = element
    self.granularity = granularity
    self.scale = scale
    self.symmetry = symmetry
  }

  // MARK: Presets

  /// E2M1 in groups of 32 with power-of-two scales by the EVEN rule, the best of the simple rules for weights.
  public static let mxfp4 = mxfp4(.even)
  /// MXFP4 with another scale rule: `.rceil` for training, `.floor` for files of ggml and older libraries.
  public static func mxfp4(_ rule: E8M0Rule) -> Self { mx(.e2m1, rule) }
  /// E4M3 in groups of 32 with power-of-two scales by the RCEIL rule, which never clips.
  public static let mxfp8 = mx(.e4m3, .rceil)
  /// An MX format, `element` in groups of 32.
  public static func mx(_ element: ElementFormat, _ rule: E8M0Rule) -> Self {
    Self(element: element, granularity: .group(32), scale: .e8m0(rule))
  }

  /// E2M1 in groups of 16 with E4M3 scales and a tensor scale, in TransformerEngine's order of operations.
  public static let nvfp4 = nvfp4(.transformerEngine)
  /// NVFP4 without a tensor scale.
  public static let nvfp4OneLevel = nvfp4(.oneLevel)
  /// NVFP4 whose blocks choose between mapping their maximum to 6 and to 4 by squared error.
  public static let nvfp4FourOverSix = nvfp4(.fourOverSixMSE)
  /// NVFP4 with one scale for each tile of 16 × 16, for weights in training.
  public static let nvfp4Tiles = nvfp4(.transformerEngine, tiles: true)
  /// NVFP4 by another library's arithmetic.
  public static func nvfp4(_ scheme: E4M3Scheme, tiles: Bool = false) -> Self {
    Self(element: .e2m1, granularity: tiles ? .tile16 : .group(16), scale: .e4m3(scheme))
  }

  /// Integers that share a bfloat16 scale in groups of `group`, as compressed-tensors stores them.
  public static func int(_ bits: Int, group: Int, symmetric: Bool = true) -> Self {
    Self(
      element: .int(bits: bits), granularity: .group(group), scale: .bfloat16,
      symmetry: symmetric ? .symmetric : .asymmetric)
  }
  /// Integers with a Float32 scale for each row: an output channel of a weight, a token of an activation.
  public static func intPerRow(_ bits: Int, symmetric: Bool = true) -> Self {
    Self(
      element: .int(bits: bits), granularity: .row, scale: .float32,
      symmetry: symmetric ? .symmetric : .asymmetric)
  }

  /// E4M3 with one Float32 scale for the tensor.
  public static let fp8e4m3 = fp8(.e4m3)
  /// E5M2 with one Float32 scale for the tensor.
  public static let fp8e5m2 = fp8(.e5m2)
  /// A small float with Float32 scales; `.row` gives each token its own.
  public static func fp8(_ element: ElementFormat, per granularity: Granularity = .tensor) -> Self {
    Self(element: element, granularity: granularity, scale: .float32)
  }

  // MARK: Size

  /// The elements of a row that share a scale, in a tensor with `columns` columns.
  public func groupSize(columns: Int) -> Int {
    switch granularity {
    case .tensor, .row: max(columns, 1)
    case .group(let n): n
    case .tile16: 16
    }
  }

  /// The scales of each row; the last group may be shorter. 1 for `.row` and `.tensor`.
  public func groupsPerRow(columns: Int) -> Int {
    let size = groupSize(columns: columns)
    return (columns + size - 1) / size
  }

  /// The stored scales of a `rows` × `columns` matrix.
  public func scaleCount(rows: Int, columns: Int) -> Int {
    granularity == .tensor ? 1 : rows * groupsPerRow(columns: columns)
  }

  /// The divisor that all scales of a tensor share apart from its data: 0.75 for the static 3/4 rule, else nil.
  var fixedTensorScale: Float? {
    if case .e8m0(let rule) = scale, rule.dataFactor != 1 { rule.dataFactor } else { nil }
  }

  /// Whether blocks have E4M3 scales under a tensor scale that follows from the tensor's largest magnitude.
  public var isTwoLevel: Bool {
    if case .e4m3(let scheme) = scale { scheme.isTwoLevel } else { false }
  }

  /// The stored bits for an element of a long tensor with `columns` columns: codes with their padding, scales and zero
  /// points (a byte each). What a tensor stores once is not counted. MXFP4 4.25, NVFP4 4.5, INT4/128 4.125.
  public func bitsPerElement(columns: Int) -> Double {
    guard columns > 0 else { return 0 }
    let codes = CodeLayout(element).rowByteCount(columns: columns) * 8
    let scaleBits = scale.byteCount * 8 + (symmetry == .asymmetric ? 8 : 0)
    let scales = granularity == .tensor ? 0 : groupsPerRow(columns: columns) * scaleBits
    return Double(codes + scales) / Double(columns)
  }
}
