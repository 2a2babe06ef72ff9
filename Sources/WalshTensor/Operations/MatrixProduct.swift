import CKernels

extension Tensor {
  /// Rows of the result that one tile of a product computes; fixed, so that results do not depend on threads.
  private static let tileRows = 192
  /// Columns of the result that one tile computes.
  private static let tileColumns = 512

  /// The product X·Wᵀ with a weight stored as `[outputs, inputs]`.
  ///
  /// - Parameter weight: shape `[outputs, inputs]`; `inputs` is this tensor's last extent.
  /// - Returns: this tensor's shape with the last extent replaced by `outputs`.
  /// - Complexity: `rowCount · inputs · outputs` multiply-adds.
  public func matmulTransposed(_ weight: Tensor) -> Tensor {
    precondition(
      weight.rank == 2 && weight.columns == columns,
      "X\(shape)·Wᵀ needs a weight [outputs, \(columns)], not \(weight.shape).")
    return product(weight, outputs: weight.shape[0], transposed: true).recorded(from: self, weight) { x, w in
      ({ $0.matmul(w) }, { $0.leftTransposedProduct(x) })
    }
  }

  /// The matrix product X·B.
  ///
  /// - Parameter b: shape `[k, n]`; k is this tensor's last extent.
  /// - Returns: this tensor's shape with the last extent replaced by n.
  public func matmul(_ b: Tensor) -> Tensor {
    precondition(
      b.rank == 2 && b.shape[0] == columns, "X\(shape)·B needs a matrix [\(columns), n], not \(b.shape).")
    return product(b, outputs: b.shape[1], transposed: false).recorded(from: self, b) { x, b in
      ({ $0.matmulTransposed(b) }, { x.leftTransposedProduct($0) })
    }
  }

  private func product(_ b: Tensor, outputs n: Int, transposed: Bool) -> Tensor {
    let m = rowCount
    let k = columns
    return Tensor(shape: shape.dropLast() + [n]) { out in
      guard let c = out.baseAddress, m > 0, n > 0 else { return }
      if k == 0 { return out.initialize(repeating: 0) }
      withUnsafeBufferPointer { x in
        b.withUnsafeBufferPointer { w in
          guard let x = x.baseAddress, let w = w.baseAddress else { return }
          let tilesDown = (m + Tensor.tileRows - 1) / Tensor.tileRows
          let tilesAcross = (n + Tensor.tileColumns - 1) / Tensor.tileColumns
          // 50 µs of one core are about 2 million multiply-adds.
          let work = min(m, Tensor.tileRows) * min(n, Tensor.tileColumns) * k
          Parallel.forEach(tilesDown * tilesAcross, grain: 1 + 2_000_000 / work) { tile in
            let i = tile / tilesAcross * Tensor.tileRows
            let j = tile % tilesAcross * Tensor.tileColumns
            let rows = min(Tensor.tileRows, m - i)
            let columns = min(Tensor.tileColumns, n - j)
            if rows == 1 && transposed {
              BLAS.gemv(m: columns, k: k, a: w + j * k, lda: k, x: x + i * k, y: c + i * n + j)
            } else {
              BLAS.gemm(
                transposeB: transposed, m: rows, n: columns, k: k, a: x + i * k, lda: k,
                b: transposed ? w + j * k : w + j, ldb: transposed ? k : n, c: c + i * n + j, ldc: n)
            }
          }
        }
      }
    }
  }

  /// XᵀY over all rows of two tensors, shape `[columns, y.columns]`: the gradient of a weight.
  ///
  /// Each tile of the result is one product over all rows, so its bits depend on the operands alone.
  public func leftTransposedProduct(_ y: Tensor) -> Tensor {
    let (m, n, k) = (columns, y.columns, rowCount)
    precondition(y.rowCount == k, "XᵀY needs as many rows in \(shape) as in \(y.shape).")
    return Tensor(shape: [m, n]) { out in
      guard let c = out.baseAddress, m > 0, n > 0 else { return }
      if k == 0 { return out.initialize(repeating: 0) }
      withUnsafeBufferPointer { a in
        y.withUnsafeBufferPointer { b in
          guard let a = a.baseAddress, let b = b.baseAddress else { return }
          let tilesAcross = (n + Tensor.tileColumns - 1) / Tensor.tileColumns
          let tilesDown = (m + Tensor.tileRows - 1) / Tensor.tileRows
          let work = min(m, Tensor.tileRows) * min(n, Tensor.tileColumns) * k
          Parallel.forEach(tilesDown * tilesAcross, grain: 1 + 2_000_000 / work) { tile in
            let i = tile / tilesAcross * Tensor.tileRows
            let j = tile % tilesAcross * Tensor.tileColumns
            BLAS.gemm(
              transposeA: true, m: min(Tensor.tileRows, m - i), n: min(Tensor.tileColumns, n - j), k: k, a: a + i,
              lda: m, b: b + j, ldb: n, c: c + i * n + j, ldc: n)
          }
        }
      }
    }.recorded(from: self, y) { x, y in ({ y.matmulTransposed($0) }, { x.matmul($0) }) }
  }

  /// The last two axes exchanged, shape `[…, n, m]` for `[…, m, n]`: the transpose of each matrix.
  public func transposed() -> Tensor {
    precondition(rank >= 2, "Only matrices are transposed, not a tensor of shape \(shape).")
    let (m, n) = (shape[rank - 2], shape[rank - 1])
    let result = Tensor(shape: shape.dropLast(2) + [n, m]) { out in
      withUnsafeBufferPointer { x in
        guard let x = x.baseAddress, let y = out.baseAddress, m * n > 0 else { return }
        for start in stride(from: 0, to: count, by: m * n) {
          Parallel.forEachChunk(of: n, size: max(64, Tensor.chunk / m)) { columns in
            walsh_transpose(x + start, m, n, columns.lowerBound, columns.upperBound, y + start)
          }
        }
      }
    }
    return result.recorded(from: self) { _ in { $0.transposed() } }
  }
}
