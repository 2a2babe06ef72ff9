import WalshTensor

/// The three products of one layer at one step as plain functions of matrices, and Y with them as its gradients.
struct LinearProducts: Sendable {
  private let table: ProductTable
  private let forward: LayerProduct
  private let inputGradient: LayerProduct
  private let weightGradient: LayerProduct

  init(_ table: ProductTable, layer: LayerContext) {
    precondition(
      table.forward.left.rotation == nil || table.weightGradient.right.source == .original,
      "Rotated codes of X cannot be read along the tokens.")
    precondition(
      table.forward.right.rotation == nil || table.inputGradient.right.source == .original,
      "Rotated codes of W cannot be read along the outputs.")
    self.table = table
    forward = LayerProduct(treatment: table.forward, layer: layer, name: "forward")
    inputGradient = LayerProduct(treatment: table.inputGradient, layer: layer, name: "input gradient")
    weightGradient = LayerProduct(treatment: table.weightGradient, layer: layer, name: "weight gradient")
  }

  /// What a gradient product keeps of X or W.
  enum Saved: Sendable {
    /// Prepared in the forward pass: smaller than the tensor.
    case prepared(PreparedRight)
    /// The tensor as it is stored, prepared in the backward pass.
    case original(Tensor)
  }

  /// Y = X·Wᵀ, and what its gradients will need.
  ///
  /// - Parameters:
  ///   - x: shape `[tokens, inputs]`.
  ///   - w: shape `[outputs, inputs]`.
  ///   - wantsX: whether dX will be asked for.
  ///   - wantsW: whether dW will be asked for.
  func forward(
    _ x: Tensor, _ w: Tensor, wantsX: Bool = true, wantsW: Bool = true
  ) -> (y: Tensor, savedW: Saved?, savedX: Saved?) {
    let right = forward.prepareRight(w)
    let savedW = wantsX ? save(w, for: inputGradient, codes: right.operand) : nil
    if table.forward.extraction == .none {
      let left = forward.prepareLeft(x)
      let y = forward.finish(left, x, right)
      return (y, savedW, wantsW ? save(x, for: weightGradient, codes: left) : nil)
    }
    return (forward(x, right), savedW, wantsW ? save(x, for: weightGradient, codes: nil) : nil)
  }

  /// dX = E·W, shape `[tokens, inputs]`.
  func inputGradient(_ e: Tensor, _ saved: Saved) -> Tensor { inputGradient(e, prepared(saved, for: inputGradient)) }

  /// dW = Eᵀ·X, shape `[outputs, inputs]`.
  func weightGradient(_ e: Tensor, _ saved: Saved) -> Tensor {
    weightGradient(transposing: e, prepared(saved, for: weightGradient))
  }

  private func save(_ stored: Tensor, for product: LayerProduct, codes: PreparedOperand?) -> Saved {
    if product.treatment.right.source == .forward {
      guard let codes else { preconditionFailure("Codes of the forward product leave no room for extraction there.") }
      return .prepared(product.prepareRight(transposing: codes))
    }
    guard product.treatment.right.isPacked else { return .original(stored) }
    return .prepared(product.prepareRight(transposing: stored))
  }

  private func prepared(_ saved: Saved, for product: LayerProduct) -> PreparedRight {
    switch saved {
    case .prepared(let right): right
    case .original(let stored): product.prepareRight(transposing: stored)
    }
  }

  /// Y = X·Wᵀ with the recipe's products of E as its gradients.
  ///
  /// - Parameters:
  ///   - x: shape `[…, inputs]`.
  ///   - w: shape `[outputs, inputs]`.
  ///   - observe: called with E, shape `[tokens, outputs]`, when the backward pass arrives.
  func callAsFunction(
    _ x: Tensor, _ w: Tensor, observe: (@Sendable (_ e: Tensor) -> Void)? = nil
  ) -> Tensor {
    precondition(
      w.rank == 2 && x.rank > 0 && x.columns == w.columns,
      "X\(x.shape)·Wᵀ needs a weight [outputs, \(x.columns)], not \(w.shape).")
    let shape = x.shape
    let (y, savedW, savedX) = forward(
      x.detached().asMatrix, w.detached(), wantsX: x.isTracked, wantsW: w.isTracked)
    return y.reshaped(to: shape.dropLast() + [y.columns]).recorded(
      from: [x, w], operation: "MatmulRecipe.product(_:_:layer:)"
    ) { _ in
      { e, isWanted in
        let e = e.asMatrix
        observe?(e)
        return [
          isWanted[0] ? savedW.map { inputGradient(e, $0).reshaped(to: shape) } : nil,
          isWanted[1] ? savedX.map { weightGradient(e, $0) } : nil,
        ]
      }
    }
  }
}
