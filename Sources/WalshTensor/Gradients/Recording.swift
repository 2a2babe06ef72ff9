/// Maps the gradient of an operation's result to the gradient of one of its inputs, which has that input's shape.
public typealias Pullback = @Sendable (_ gradient: Tensor) -> Tensor

extension Tensor {
  // MARK: Tracking

  /// These values as a variable that `gradients(of:)` can differentiate by. What they were computed from is forgotten;
  /// every call makes another variable. O(1); memory stays shared.
  public func tracked() -> Tensor { attached(to: GraphNode(shape: shape, operation: "tracked()")) }

  /// Whether this is a variable or was computed from one.
  public var isTracked: Bool { node != nil }

  /// These values as constants. O(1); memory stays shared.
  public func detached() -> Tensor { node == nil ? self : attached(to: nil) }

  // MARK: Recording

  /// This tensor as the result of an operation on `x`: the way in which every differentiable operation ends.
  ///
  /// Nothing happens unless `x` is tracked.
  ///
  /// - Parameters:
  ///   - x: the input.
  ///   - operation: the name of the operation, for messages.
  ///   - pullback: called once, with the detached input, for the map from this result's gradient to the gradient of `x`.
  ///     It should capture no more than that map needs, because it lives as long as the graph, and nothing tracked.
  @inline(__always)
  public func recorded(
    from x: Tensor, operation: StaticString = #function, _ pullback: (_ x: Tensor) -> Pullback
  ) -> Tensor {
    guard let input = x.node else { return self }
    let pullback = pullback(x.detached())
    return recorded(from: [input], operation: operation) { gradient, _ in [pullback(gradient)] }
  }

  /// This tensor as the result of an operation on `a` and `b`; only the pullbacks of tracked inputs are kept.
  @inline(__always)
  public func recorded(
    from a: Tensor, _ b: Tensor, operation: StaticString = #function,
    _ pullbacks: (_ a: Tensor, _ b: Tensor) -> (Pullback, Pullback)
  ) -> Tensor {
    guard a.node != nil || b.node != nil else { return self }
    let both = pullbacks(a.detached(), b.detached())
    let first = a.node == nil ? nil : both.0
    let second = b.node == nil ? nil : both.1
    return recorded(from: [a.node, b.node], operation: operation) { gradient, isWanted in
      [isWanted[0] ? first?(gradient) : nil, isWanted[1] ? second?(gradient) : nil]
    }
  }

  /// This tensor as the result of an operation on `inputs` whose gradients are computed together.
  ///
  /// - Parameters:
  ///   - inputs: the inputs.
  ///   - operation: the name of the operation, for messages.
  ///   - pullback: called once, with the detached inputs, for the map from this result's gradient to one gradient for
  ///     each input. `isWanted` tells which are used; others may be nil, and so may those that are zero.
  @inline(__always)
  public func recorded(
    from inputs: [Tensor], operation: StaticString = #function,
    jointly pullback: (_ inputs: [Tensor]) -> @Sendable (_ gradient: Tensor, _ isWanted: [Bool]) -> [Tensor?]
  ) -> Tensor {
    guard inputs.contains(where: \.isTracked) else { return self }
    return recorded(from: inputs.map(\.node), operation: operation, pullback(inputs.map { $0.detached() }))
  }

  private func recorded(
    from inputs: [GraphNode?], operation: StaticString, _ pullback: @escaping GraphNode.Pullback
  ) -> Tensor {
    precondition(node == nil, "The result of \(operation) is recorded already; compute it from detached inputs.")
    return attached(to: GraphNode(shape: shape, operation: operation, inputs: inputs, pullback: pullback))
  }
}
