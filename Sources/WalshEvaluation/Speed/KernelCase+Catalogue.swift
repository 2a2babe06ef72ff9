import WalshFormats
import WalshTensor
import WalshTransforms

extension KernelCase {
  /// Hadamard transforms in place, of powers of two and of orders K·2^a, each from the cache and from memory. Reads and
  /// writes every value once.
  static var transforms: [KernelCase] {
    let orders = [
      64, 128, 256, 512, 1024, 4096, 16384, 131_072, 1_048_576, 48, 80, 224, 768, 1536, 5120, 11008, 14336, 18432,
    ]
    return orders.flatMap { order -> [KernelCase] in
      guard let transform = try? HadamardTransform(order: order) else { return [] }
      let rows = [cachedBytes, memoryBytes].map { max(1, $0 / 4 / order) }
      return (rows[0] == rows[1] ? [rows[0]] : rows).map { rows in
        KernelCase(
          kernel: transform.outer.order == 1 ? "fwht" : "hadamard", size: order, rows: rows,
          bytesMoved: 8 * rows * order, workingSet: 4 * rows * order, operations: rows * transform.flopsPerRow
        ) {
          var x = operand([rows, order])
          return { transform.apply(to: &x) }
        }
      }
    }
  }

  /// Kronecker products as FlatQuant learns them, of balanced factors, on the activation of one token and on a prompt's.
  static var kroneckerProducts: [KernelCase] {
    [2048, 5632, 4096, 11008].flatMap { size -> [KernelCase] in
      let (n1, n2) = KroneckerTransform.balancedFactors(of: size)
      return [1, 256].map { rows in
        KernelCase(
          kernel: "kronecker", size: size, rows: rows, bytesMoved: 8 * rows * size, workingSet: 4 * rows * size,
          operations: 2 * rows * size * (n1 + n2)
        ) {
          let stream = RandomStream(seed: 1, purpose: "benchmark")
          let transform = KroneckerTransform(left: Rotation.haar(n1, stream), right: Rotation.haar(n2, stream))
          var x = operand([rows, size])
          return { transform.apply(to: &x) }
        }
      }
    }
  }

  /// Quantizing with packing, and unpacking, rows of 4096, from the cache and from memory. GB/s count the Float32 side.
  static var formats: [KernelCase] {
    let columns = 4096
    return [NumericFormat.mxfp4, .nvfp4].flatMap { format in
      [cachedBytes, memoryBytes].flatMap { bytes -> [KernelCase] in
        let rows = bytes / 4 / columns
        let packed = Int(format.bitsPerElement(columns: columns) / 8 * Double(rows * columns))
        let name = format.name.lowercased()
        return [
          KernelCase(
            kernel: "pack \(name)", size: columns, rows: rows, bytesMoved: bytes + packed, countedBytes: bytes
          ) {
            let x = operand([rows, columns])
            let quantizer = Quantizer(format: format)
            return { withExtendedLifetime(quantizer.pack(x)) {} }
          },
          KernelCase(
            kernel: "unpack \(name)", size: columns, rows: rows, bytesMoved: bytes + packed, countedBytes: bytes
          ) {
            let matrix = Quantizer(format: format).pack(operand([rows, columns]))
            return { withExtendedLifetime(matrix.unpacked()) {} }
          },
        ]
      }
    }
  }

  /// Products x·Wᵀ with W of 4096 × 4096 for one token and for 64, packed and plain, and the product of two matrices of
  /// order 1024. The bytes are those of all operands and the result.
  static var products: [KernelCase] {
    let n = 4096
    var cases: [KernelCase] = []
    for tokens in [1, 64] {
      let activations = 4 * 2 * tokens * n
      for format in [NumericFormat.mxfp4, .nvfp4] {
        cases.append(
          KernelCase(
            kernel: "multiply \(format.name.lowercased())", size: n, rows: tokens,
            bytesMoved: Int(format.bitsPerElement(columns: n) / 8 * Double(n * n)) + activations,
            operations: 2 * tokens * n * n
          ) {
            let x = operand([tokens, n])
            let weight = Quantizer(format: format).pack(operand([n, n]))
            return { withExtendedLifetime(weight.multiply(x)) {} }
          })
      }
      cases.append(plainProduct(tokens: tokens, order: n))
    }
    return cases + [plainProduct(tokens: 1024, order: 1024)]
  }

  private static func plainProduct(tokens: Int, order n: Int) -> KernelCase {
    KernelCase(
      kernel: tokens == 1 ? "sgemv" : "sgemm", size: n, rows: tokens, bytesMoved: 4 * (n * n + 2 * tokens * n),
      operations: 2 * tokens * n * n
    ) {
      let x = operand([tokens, n])
      let weight = operand([n, n])
      return { withExtendedLifetime(x.matmulTransposed(weight)) {} }
    }
  }
}
