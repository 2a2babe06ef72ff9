import TestSupport
import WalshFormats
import WalshTensor

@testable import WalshTraining

/// Matrices and references that the tests of the recipes share.
enum RecipeFixtures {
  /// Standard normal numbers.
  static func normal(_ rows: Int, _ columns: Int, _ name: String) -> Tensor {
    Tensor.normal([rows, columns], from: RandomStream(seed: 7, purpose: "test/\(name)"))
  }

  /// Normal numbers with heavy tails: z · (0.3 + |z|).
  static func heavy(_ rows: Int, _ columns: Int, _ name: String) -> Tensor {
    normal(rows, columns, name).map { $0 * (0.3 + abs($0)) }
  }

  /// Integers −8…8, whose products and sums Float32 and bfloat16 hold exactly.
  static func integers(_ rows: Int, _ columns: Int, _ name: String) -> Tensor {
    let stream = RandomStream(seed: 3, purpose: "test/\(name)")
    return Tensor((0..<rows * columns).map { Float(Int(stream.word(at: $0) % 17) - 8) }, shape: [rows, columns])
  }

  /// A·Bᵀ in Float64.
  static func product(_ a: Tensor, _ b: Tensor) -> Tensor { Tensor(Matrix(a) * Matrix(b).transposed) }

  static func layer(
    _ path: String = "model.layers.0.mlp.up_proj", block: Int = 0, of blocks: Int = 20, step: Int = 0,
    steps: Int = 100,
    microBatch: Int = 0
  ) -> LayerContext {
    LayerContext(
      path: path, block: block, blockCount: blocks, step: step, stepCount: steps, microBatch: microBatch, seed: 1)
  }

  /// What a recipe makes of X, W and E: Y, dX and dW through the graph.
  static func run(
    _ recipe: any MatmulRecipe, _ x: Tensor, _ w: Tensor, _ e: Tensor, layer: LayerContext = layer()
  ) -> (y: Tensor, dx: Tensor, dw: Tensor) {
    let (tx, tw) = (x.tracked(), w.tracked())
    let y = recipe.product(tx, tw, layer: layer)
    let gradients = y.gradients(of: [tx, tw], seed: e)
    return (y.detached(), gradients[0], gradients[1])
  }
}

/// The bit patterns of a tensor, for comparisons that tell −0 from 0 and find NaN equal to itself.
func bitPatterns(_ x: Tensor) -> [UInt32] { x.values.map { $0.isNaN ? 0x7FC0_0000 : $0.bitPattern } }

/// Sixteen hexadecimal digits of the FNV-1a checksum of bytes.
func checksum(_ bytes: some Sequence<UInt8>) -> String {
  let digits = String(fnv1a(bytes), radix: 16)
  return String(repeating: "0", count: 16 - digits.count) + digits
}

extension PackedMatrix {
  /// The checksums of codes and scales.
  var checksums: [String] { [checksum(codes), checksum(scales)] }
}

extension PreparedOperand {
  /// The codes of a packed operand.
  var codes: PackedMatrix? { if case .packed(let codes) = self { codes } else { nil } }
}
