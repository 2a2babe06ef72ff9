extension Tensor {
  /// The gradients of this value, a single number, by each of `variables`: reverse-mode differentiation.
  ///
  /// The order of the work and of every sum follows from the graph alone, so the result has the same bits for any number
  /// of threads. The method consumes the tensor: where nobody else holds the graph, each part of it is released as soon
  /// as it has been used.
  ///
  /// - Parameter variables: tracked tensors, leaves or not.
  /// - Returns: a tensor of the variable's shape for each, not tracked; zeros where the value does not depend on it.
  public consuming func gradients(of variables: [Tensor]) -> [Tensor] {
    precondition(count == 1, "Only a single number has gradients without a seed, not a tensor of shape \(shape).")
    let seed = Tensor(shape: shape, repeating: 1)
    return gradients(of: variables, seed: seed)
  }

  /// The gradients of Σ `seed` · self by each of `variables`: the product of `seed` with the Jacobian matrix.
  ///
  /// - Parameters:
  ///   - variables: tracked tensors, leaves or not.
  ///   - seed: the gradient of whatever this tensor goes into, of this tensor's shape.
  public consuming func gradients(of variables: [Tensor], seed: Tensor) -> [Tensor] {
    precondition(seed.shape == shape, "A seed of shape \(seed.shape) does not fit a tensor of shape \(shape).")
    guard let root = node else {
      preconditionFailure("Nothing that this tensor was computed from is tracked(), so it has no gradients.")
    }
    let targets = variables.map { variable in
      guard let target = variable.node else {
        preconditionFailure("A tensor of shape \(variable.shape) is not tracked(), so nothing has a gradient by it.")
      }
      return target
    }
    // Only the loop below holds the graph from here on.
    _ = consume self
    let found = GraphNode.gradients(from: consume root, seed: seed.detached(), by: targets)
    return zip(found, variables).map { $0 ?? .zeros($1.shape) }
  }
}

extension GraphNode {
  /// The gradients of Σ `seed` · value(`root`) by the values of `targets`, nil where there is no path to one.
  ///
  /// - Parameter boundary: nodes with smaller numbers are not differentiated further.
  static func gradients(
    from root: consuming GraphNode, seed: Tensor, by targets: [GraphNode], boundary: UInt64 = 0
  ) -> [Tensor?] {
    var order = root.ancestors(boundary: boundary)
    _ = consume root
    let position = Dictionary(uniqueKeysWithValues: order.enumerated().map { (ObjectIdentifier($1), $0) })
    let results = targets.map { position[ObjectIdentifier($0)] }
    let isTarget = Set(results.compactMap(\.self))

    /// Whether a path leads from a node to a target, in order.
    var isWanted: [Bool] = []
    func inputPositions(_ node: GraphNode) -> [Int?] {
      node.inputs.map { $0.flatMap { position[ObjectIdentifier($0)] } }
    }
    for (i, node) in order.enumerated() {
      let isPassed = node.number >= boundary && inputPositions(node).contains { $0.map { isWanted[$0] } ?? false }
      isWanted.append(isPassed || isTarget.contains(i))
    }

    var gradients = [Tensor?](repeating: nil, count: order.count)
    if !order.isEmpty { gradients[order.count - 1] = seed }
    while let node = order.popLast() {
      let i = order.count
      guard isWanted[i], node.number >= boundary, !node.inputs.isEmpty, let gradient = gradients[i] else { continue }
      if !isTarget.contains(i) { gradients[i] = nil }
      let positions = inputPositions(node)
      let parts = node.pullback(gradient, positions.map { $0.map { isWanted[$0] } ?? false })
      for (part, j) in zip(parts, positions) {
        guard let part, let j, isWanted[j] else { continue }
        precondition(!part.isTracked, "The pullback of \(node.operation) captured a tracked tensor; detach it.")
        precondition(
          part.shape == order[j].shape,
          "The pullback of \(node.operation) gave a gradient \(part.shape) of an input \(order[j].shape).")
        if gradients[j] == nil { gradients[j] = part } else { gradients[j]? += part }
      }
    }
    return results.map { $0.flatMap { gradients[$0] } }
  }

  /// This node and all that it was computed from, inputs before results; nodes numbered below `boundary` end a path.
  ///
  /// Depth first, inputs in order, without recursion.
  func ancestors(boundary: UInt64) -> [GraphNode] {
    var order: [GraphNode] = []
    var seen: Set<ObjectIdentifier> = [ObjectIdentifier(self)]
    var path: [(node: GraphNode, next: Int)] = [(self, 0)]
    while let (node, next) = path.last {
      if node.number < boundary || next == node.inputs.count {
        order.append(node)
        path.removeLast()
        continue
      }
      path[path.count - 1].next += 1
      if let input = node.inputs[next], seen.insert(ObjectIdentifier(input)).inserted { path.append((input, 0)) }
    }
    return order
  }
}
