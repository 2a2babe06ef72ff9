import TestSupport
import Testing
import WalshFormats
import WalshTensor
import WalshTransforms

@testable import WalshModels

@Suite("Input stages and packed layers")
struct InputStageTests {
  private let x = Tensor.normal([3, 2, 128], from: RandomStream(seed: 5, purpose: "inputs"))
  private let w = Tensor.normal([40, 128], from: RandomStream(seed: 5, purpose: "weights"))
  private let bias = Tensor.normal([40], from: RandomStream(seed: 5, purpose: "bias"))

  static let formats: [NumericFormat] = [.mxfp4, .nvfp4, .int(4, group: 64)]

  private func layer(_ format: NumericFormat) throws -> Linear {
    let packed = Quantizer(format: format).pack(w)
    return Linear(.interleaved(try #require(InterleavedMatrix(packed))), bias: bias)
  }

  /// What dense Float32 arithmetic gives for the rounded weight.
  private func reference(_ x: Tensor, _ format: NumericFormat) -> Tensor {
    x.matmulTransposed(Quantizer(format: format).fakeQuantize(w)).addingToRows(bias)
  }

  @Test("Full precision activations meet packed weights as in Float32", arguments: formats)
  func float32(_ format: NumericFormat) throws {
    let layer = try layer(format)
    let result = layer(InputStage()(x, for: [layer]))
    #expect(result.shape == [3, 2, 40])
    #expect(relativeError(result, reference(x, format)) <= 1e-6)
    #expect(relativeError(layer(x), result) == 0)
  }

  @Test("int8 activations are off by less than a percent, and by more than nothing", arguments: formats)
  func int8(_ format: NumericFormat) throws {
    let layer = try layer(format)
    var stage = InputStage()
    stage.precision = .int8
    let error = relativeError(layer(stage(x, for: [layer])), reference(x, format))
    #expect(error < 0.01)
    #expect(error > 1e-5)
  }

  @Test("bfloat16 activations are rounded for bfloat16 weights, and stay Float32 for all others")
  func bfloat16() throws {
    var stage = InputStage()
    stage.precision = .bfloat16
    let weight = BFloat16Matrix(rounding: w)
    let wide = Linear(.bfloat16(weight), bias: bias)
    let rounded = x.roundedToBFloat16().matmulTransposed(weight.unpacked()).addingToRows(bias)
    #expect(relativeError(wide(stage(x, for: [wide])), rounded) <= 1e-6)
    #expect(relativeError(wide(InputStage()(x, for: [wide])), rounded) > 1e-4)
    let packed = try layer(.mxfp4)
    #expect(packed(stage(x, for: [packed])) == packed(InputStage()(x, for: [packed])))
  }

  @Test("A plan with four bits on both sides gets the product of the rounded numbers", arguments: formats)
  func bothSides(_ format: NumericFormat) throws {
    let layer = try layer(format)
    let stage = InputStage(activation: ActivationQuantizer(format: format, amax: format.isTwoLevel ? 5 : nil))
    for precision in ActivationPrecision.allCases {
      var stage = stage
      stage.precision = precision
      // The plan's own format counts, whatever the precision of other activations.
      guard case .rows(let rows, _) = stage(x, for: [layer]) else {
        Issue.record("Four-bit activations are integers.")
        return
      }
      #expect(rows.count == 6)
      #expect(relativeError(layer(stage(x, for: [layer])), reference(stage(x), format)) <= 1e-6)
    }
  }

  @Test("A plan whose activations have another format rounds to that format", arguments: formats)
  func otherFormat(_ format: NumericFormat) throws {
    let layer = try layer(format)
    let stage = InputStage(activation: ActivationQuantizer(format: .intPerRow(8)))
    #expect(relativeError(layer(stage(x, for: [layer])), reference(stage(x), format)) <= 1e-6)
  }

  @Test("A transform fused with quantization changes no bit", arguments: formats)
  func fused(_ format: NumericFormat) throws {
    let layer = try layer(format)
    let many = Tensor.normal([77, 128], from: RandomStream(seed: 6, purpose: "inputs"))
    let transforms: [any LinearTransform] = [
      try HadamardTransform(order: 128), BlockDiagonalTransform(block: try HadamardTransform(order: 32), count: 4),
      KroneckerTransform(left: try HadamardTransform(order: 4), right: try HadamardTransform(order: 32)),
    ]
    for transform in transforms {
      for precision in [ActivationPrecision.float32, .int8] {
        var (fused, plain) = (InputStage(transform: transform), InputStage())
        (fused.precision, plain.precision) = (precision, precision)
        let expected = layer(plain(many.transformed(by: transform), for: [layer]))
        #expect(layer(fused(many, for: [layer])) == expected, "\(transform)")
      }
    }
  }

  @Test("Layers of different formats, and tracked activations, get values")
  func values() throws {
    let stage = InputStage()
    let (first, second) = (try layer(.mxfp4), try layer(.nvfp4))
    for (x, layers) in [(x, [first, second]), (x.tracked(), [first]), (x, [Linear(.dense(w)), first])] {
      guard case .values = stage(x, for: layers) else {
        Issue.record("These layers have no integers in common.")
        return
      }
    }
  }
}
