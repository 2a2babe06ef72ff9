import WalshFormats

extension MatmulRecipe where Self == TableRecipe {
  /// Quartet II, arXiv 2601.22813: NVFP4 1 × 16 to nearest in the forward product; both gradients from operands
  /// quantized by MS-EDEN, W and X from their saved codes.
  ///
  /// - Parameters:
  ///   - fourOverSix: whether the forward product chooses between 6 and 4 by squared error, the paper's better variant.
  ///   - group: the values that are rotated together, 128 or 32.
  public static func quartetII(fourOverSix: Bool = false, group: Int = 128) -> TableRecipe {
    let operand = OperandTreatment.nearest(fourOverSix ? .nvfp4FourOverSix : .nvfp4)
    let e = OperandTreatment(.msEDEN, rotation: OperandRotation(size: group, signs: .freshEveryStep))
    var codes = e
    codes.source = .forward
    let gradient = ProductTreatment(left: e, right: codes)
    return TableRecipe(
      name: fourOverSix ? "quartet2-4over6" : "quartet2",
      products: ProductTable(forward: .both(operand), inputGradient: gradient, weightGradient: gradient))
  }

  /// TetraJet-v2 without its control of oscillating weights: NVFP4 1 × 16 to nearest in the forward product; both
  /// gradients from rotated operands rounded stochastically under the 17/16 margin. As emulated in Quartet II's study.
  public static var tetraJet2: TableRecipe {
    let operand = OperandTreatment.stochastic(
      .nvfp4(.margin), rotation: OperandRotation(size: 16, signs: .freshEveryStep))
    return TableRecipe(
      name: "tetrajet2",
      products: ProductTable(
        forward: .both(.nearest(.nvfp4)), inputGradient: .both(operand), weightGradient: .both(operand)))
  }
}
