extension Tensor {
  /// `body` of this tensor, computed again when its gradient is asked for instead of being remembered.
  ///
  /// Gradient checkpointing (Chen et al. 2016): of a chain of n blocks only the n inputs stay in memory, and one block's
  /// activations at a time. Costs one more forward pass. See `checkpointed(_:_:)`.
  public func checkpointed(_ body: @escaping @Sendable (Tensor) -> Tensor) -> Tensor {
    Tensor.checkpointed([self]) { body($0[0]) }
  }

  /// `body` of `inputs`, computed again when gradients are asked for instead of being remembered.
  ///
  /// Gradients also reach tracked tensors that `body` captures, such as the weights of a block. Pass the tensor that
  /// comes from the block before as an input, so that the graph stays a chain of blocks.
  ///
  /// - Parameters:
  ///   - inputs: what `body` receives, tracked or not.
  ///   - body: a pure function: it must do the same operations each time. It is called once here, and once whenever the
  ///     backward pass arrives; in between nothing of it is in memory but inputs and result.
  /// - Returns: what `body` returns, with the same bits; and so are its gradients, as long as the places where a tensor
  ///   is used are all inside `body` or all outside of it, so that its gradient is summed in the same order.
  public static func checkpointed(
    _ inputs: [Tensor], _ body: @escaping @Sendable ([Tensor]) -> Tensor
  ) -> Tensor {
    let first = GraphRun(inputs, body)
    guard let root = first.result.node, root.number >= first.boundary else { return first.result }
    let captured = root.ancestors(boundary: first.boundary).filter { $0.number < first.boundary }
    let values = inputs.map { $0.detached() }
    let isTracked = inputs.map(\.isTracked)
    let node = GraphNode(
      shape: root.shape, operation: "checkpointed(_:_:)", inputs: inputs.map(\.node) + captured
    ) { gradient, _ in
      let run = GraphRun(zip(values, isTracked).map { $1 ? $0.tracked() : $0 }, body)
      guard let root = run.result.node else { preconditionFailure("A checkpointed body is a pure function.") }
      let tracked = run.leaves.map(\.node)
      let found = GraphNode.gradients(
        from: root, seed: gradient, by: tracked.compactMap(\.self) + captured, boundary: run.boundary)
      var next = found.makeIterator()
      return tracked.map { $0 == nil ? nil : next.next() ?? nil } + next
    }
    return first.result.detached().attached(to: node)
  }
}

/// One run of a checkpointed body on fresh variables, which separates its graph from what came before.
private struct GraphRun {
  /// Nodes with smaller numbers are older than the run.
  let boundary: UInt64
  let leaves: [Tensor]
  let result: Tensor

  init(_ inputs: [Tensor], _ body: ([Tensor]) -> Tensor) {
    boundary = GraphNode.nextNumber
    leaves = inputs.map { $0.isTracked ? $0.tracked() : $0 }
    result = body(leaves)
  }
}
