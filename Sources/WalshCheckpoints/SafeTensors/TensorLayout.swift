/// What a checkpoint says about a tensor before its bytes are read: name, element type and shape.
public struct TensorLayout: Equatable, Sendable {
  /// The full name, such as `model.layers.0.mlp.down_proj.weight`.
  public let name: String
  /// The type of the elements.
  public let dtype: DType
  /// The extents, slowest axis first; a scalar has none.
  public let shape: [Int]

  /// A layout; the extents must not be negative and their product must fit an `Int`.
  public init(name: String, dtype: DType, shape: [Int]) {
    precondition(shape.allSatisfy { $0 >= 0 }, "A shape has no negative extent, but \(shape) does.")
    self.name = name
    self.dtype = dtype
    self.shape = shape
  }

  /// The number of elements.
  public var count: Int { shape.reduce(1, *) }
  /// The size of the elements in bytes.
  public var byteCount: Int { count * dtype.byteCount }
}
