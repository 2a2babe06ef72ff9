/// A dense, row-major array of `Float` with value semantics.
///
/// Copies share memory until one of them is written. Slices of leading rows (`rows(_:)`) and `reshaped(to:)` share
/// memory too and cost O(1). Every operation checks its shapes and stops with a sentence that names them: a wrong
/// shape is a mistake in the program, never in a user's file (files are checked where they are read).
///
/// Most of Walsh treats a tensor as a matrix whose rows run along the last axis: `columns` is the last extent and
/// `rowCount` the product of all others.
///
/// A tensor that comes from `tracked()` remembers how it was computed, so that `gradients(of:)` can differentiate it.
public struct Tensor: Sendable {
  /// The extents, slowest axis first. A scalar has the empty shape.
  public let shape: [Int]
  /// The number of values, the product of `shape`.
  public let count: Int
  private var storage: Storage
  private var offset: Int
  /// How this value was computed; nil when nothing will differentiate it, which costs an operation one comparison.
  let node: GraphNode?

  // MARK: Creation

  /// A tensor whose values `initialize` writes; it must write every one.
  ///
  /// - Parameters:
  ///   - shape: the extents.
  ///   - initialize: receives the uninitialised memory, `shape.product` values, row-major.
  public init(
    shape: [Int], initialize: (UnsafeMutableBufferPointer<Float>) throws -> Void
  ) rethrows {
    precondition(shape.allSatisfy { $0 >= 0 }, "A shape has no negative extent, but \(shape) does.")
    self.shape = shape
    count = shape.reduce(1, *)
    storage = Storage(uninitialized: count)
    offset = 0
    node = nil
    try initialize(UnsafeMutableBufferPointer(start: storage.base, count: count))
  }

  /// A tensor filled with `value`.
  public init(shape: [Int], repeating value: Float) {
    self.init(shape: shape) { $0.initialize(repeating: value) }
  }

  /// A tensor of `values` in row-major order. `values.count` must be the product of `shape`.
  public init(_ values: [Float], shape: [Int]) {
    precondition(
      values.count == shape.reduce(1, *), "\(values.count) values do not fill the shape \(shape).")
    self.init(shape: shape) { p in _ = p.initialize(from: values) }
  }

  /// A vector of `values`.
  public init(_ values: [Float]) { self.init(values, shape: [values.count]) }

  /// A tensor of zeros.
  public static func zeros(_ shape: [Int]) -> Tensor { Tensor(shape: shape, repeating: 0) }

  /// The identity matrix of order `n`, shape `[n, n]`.
  public static func identity(_ n: Int) -> Tensor {
    Tensor(shape: [n, n]) { p in
      p.initialize(repeating: 0)
      for i in 0..<n { p[i * n + i] = 1 }
    }
  }

  private init(shape: [Int], storage: Storage, offset: Int, node: GraphNode? = nil) {
    self.shape = shape
    count = shape.reduce(1, *)
    self.storage = storage
    self.offset = offset
    self.node = node
  }

  /// The same values with another place in the graph. O(1); memory stays shared.
  func attached(to node: GraphNode?) -> Tensor {
    Tensor(shape: shape, storage: storage, offset: offset, node: node)
  }

  // MARK: Shape

  /// The number of axes.
  public var rank: Int { shape.count }
  /// The extent of the last axis (1 for a scalar).
  public var columns: Int { shape.last ?? 1 }
  /// The number of rows along the last axis, the product of all other extents.
  public var rowCount: Int { shape.dropLast().reduce(1, *) }

  /// The same values with another shape of equal count. O(1); memory stays shared.
  public func reshaped(to shape: [Int]) -> Tensor {
    precondition(
      shape.reduce(1, *) == count, "A tensor of shape \(self.shape) cannot be seen as \(shape).")
    return Tensor(shape: shape, storage: storage, offset: offset)
      .recorded(from: self) { [own = self.shape] _ in { $0.reshaped(to: own) } }
  }

  /// The entries `range` of the first axis. O(1); memory stays shared.
  public func rows(_ range: Range<Int>) -> Tensor {
    precondition(
      rank > 0 && range.lowerBound >= 0 && range.upperBound <= shape[0],
      "Rows \(range) do not exist in a tensor of shape \(shape).")
    let inner = shape.dropFirst().reduce(1, *)
    let start = range.lowerBound * inner
    return Tensor(shape: [range.count] + shape.dropFirst(), storage: storage, offset: offset + start)
      .recorded(from: self) { [shape] _ in { gradient in .zeros(shape, except: gradient, at: start) } }
  }

  /// Entry `i` of the first axis, with that axis removed. O(1); memory stays shared.
  public func row(_ i: Int) -> Tensor {
    rows(i..<i + 1).reshaped(to: Array(shape.dropFirst()))
  }

  // MARK: Access

  /// Calls `body` with the values, row-major, 64-byte aligned unless this is a slice.
  ///
  /// What is computed from them is not recorded: an operation written this way ends in `recorded(from:)`.
  public func withUnsafeBufferPointer<R, E: Error>(
    _ body: (UnsafeBufferPointer<Float>) throws(E) -> R
  ) throws(E) -> R {
    defer { withExtendedLifetime(storage) {} }
    return try body(UnsafeBufferPointer(start: storage.base + offset, count: count))
  }

  /// Calls `body` with the values for writing; copies them first when they are shared.
  ///
  /// - Precondition: the tensor is not tracked: its gradient would no longer be that of its values.
  public mutating func withUnsafeMutableBufferPointer<R, E: Error>(
    _ body: (UnsafeMutableBufferPointer<Float>) throws(E) -> R
  ) throws(E) -> R {
    makeUnique()
    defer { withExtendedLifetime(storage) {} }
    return try body(UnsafeMutableBufferPointer(start: storage.base + offset, count: count))
  }

  /// The values for reading.
  public var span: Span<Float> {
    @_lifetime(borrow self)
    borrowing get {
      let span = Span<Float>(_unsafeStart: storage.base + offset, count: count)
      return _overrideLifetime(span, borrowing: self)
    }
  }

  /// The values for writing; they are copied first when they are shared.
  public var mutableSpan: MutableSpan<Float> {
    @_lifetime(&self)
    mutating get {
      makeUnique()
      let span = MutableSpan<Float>(_unsafeStart: storage.base + offset, count: count)
      return _overrideLifetime(span, mutating: &self)
    }
  }

  /// The values as an array, row-major. O(count).
  public var values: [Float] { withUnsafeBufferPointer { Array($0) } }

  /// The value at `index`, one position per axis.
  public subscript(index: Int...) -> Float {
    get { withUnsafeBufferPointer { $0[position(of: index)] } }
    set {
      let i = position(of: index)
      withUnsafeMutableBufferPointer { $0[i] = newValue }
    }
  }

  private func position(of index: [Int]) -> Int {
    precondition(
      index.count == rank && zip(index, shape).allSatisfy { $0 >= 0 && $0 < $1 },
      "The index \(index) does not exist in a tensor of shape \(shape).")
    return zip(index, shape).reduce(0) { $0 * $1.1 + $1.0 }
  }

  private mutating func makeUnique() {
    precondition(node == nil, "A tracked tensor is never written in place; write a detached() copy.")
    if isKnownUniquelyReferenced(&storage) { return }
    let copy = Storage(uninitialized: count)
    copy.base.initialize(from: storage.base + offset, count: count)
    storage = copy
    offset = 0
  }
}

extension Tensor: Equatable {
  /// Equal shapes and equal values; NaN is unequal to itself.
  public static func == (a: Tensor, b: Tensor) -> Bool {
    a.shape == b.shape
      && a.withUnsafeBufferPointer { p in b.withUnsafeBufferPointer { q in p.elementsEqual(q) } }
  }
}

extension Tensor: CustomStringConvertible {
  /// The shape and the first eight values.
  public var description: String {
    let head = withUnsafeBufferPointer { $0.prefix(8).map { "\($0)" }.joined(separator: ", ") }
    return "Tensor\(shape) [\(head)\(count > 8 ? ", …" : "")]"
  }
}
