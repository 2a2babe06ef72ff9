import CKernels
import WalshTensor

/// The normalised Hadamard transform x → x·D·Hᵀ/√n, by fast additions; D is an optional diagonal of signs.
///
/// n = K·2^a and H = M ⊗ S with the small `outer` matrix M of order K outside and Sylvester's matrix S of order 2^a
/// inside: butterflies run in each of K blocks of 2^a consecutive values, then M mixes the blocks. Forward is x·Hᵀ, the
/// orientation of released code (QWHA, QuaRot, compressed-tensors); M need not be symmetric, so `transpose`
/// (x → x·H/√n) differs from it unless n is a power of two.
///
/// The result has the same bits on every instruction set and for any number of threads.
public struct HadamardTransform: LinearTransform, Hashable {
  /// M, of order K.
  public let outer: HadamardMatrix
  /// a: the inner matrix has order 2^a.
  public let levels: Int
  /// The signs ±1 that inputs are multiplied with first, n of them; empty for a plain transform.
  public let inputSigns: [Float]
  private let codes: [UInt8]

  /// The plain transform of order n.
  ///
  /// - Throws: `HadamardError.unknownOrder`, which names the largest usable block, when no matrix of order n is known here.
  public init(order n: Int) throws(HadamardError) { try self.init(order: n, inputSigns: []) }

  /// The transform of order n after multiplication by `inputSigns`.
  ///
  /// - Parameters:
  ///   - n: the order.
  ///   - inputSigns: n numbers ±1, or none.
  /// - Throws: `HadamardError.unknownOrder`, as `init(order:)`.
  public init(order n: Int, inputSigns: [Float]) throws(HadamardError) {
    guard let (outer, levels) = HadamardConstruction.outer(of: n) else { throw .unknownOrder(n) }
    self.init(outer: HadamardMatrix(outer), levels: levels, inputSigns: inputSigns)
  }

  init(outer: HadamardMatrix, levels: Int, inputSigns: [Float] = []) {
    let n = outer.order << levels
    precondition(
      inputSigns.isEmpty || inputSigns.count == n && inputSigns.allSatisfy { abs($0) == 1 },
      "A Hadamard transform of order \(n) takes \(n) signs ±1 or none.")
    self.outer = outer
    self.levels = levels
    self.inputSigns = inputSigns
    let k = outer.order
    codes =
      k == 1
      ? []
      : [UInt8](unsafeUninitializedCapacity: k * k / 4) { out, count in
        outer.entries.withUnsafeBufferPointer { walsh_hadamard_codes($0.baseAddress, k, out.baseAddress) }
        count = k * k / 4
      }
  }

  public var dimension: Int { outer.order << levels }
  public var isOrthogonal: Bool { true }

  /// n·a additions, for K > 1 n·(K/2 + 3) operations of mixing, n multiplications by 1/√n and n by signs.
  public var flopsPerRow: Int {
    let mixing = outer.order == 1 ? 0 : outer.order / 2 + 3
    return dimension * (levels + mixing + 1 + (inputSigns.isEmpty ? 0 : 1))
  }

  public func apply(to x: inout Tensor) { apply(to: &x, on: .best) }

  /// Transforms every row with the kernels of one instruction set; the result does not depend on which.
  public func apply(to x: inout Tensor, on instructions: InstructionSet) {
    checkShape(x)
    let (n, k, m) = (dimension, outer.order, 1 << levels)
    let scale = Float(1 / Double(n).squareRoot())
    // Signs are applied to few rows at a time, so that the transform finds them in the cache.
    let batch = inputSigns.isEmpty ? Int.max : max(1, (1 << 14) / n)
    x.forEachRowChunk { rows, p in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: k == 1 ? 1 : walsh_hadamard_scratch(k)) { scratch in
        for start in stride(from: 0, to: rows.count, by: min(batch, rows.count)) {
          let (part, count) = (p + start * n, min(batch, rows.count - start))
          if !inputSigns.isEmpty { DiagonalTransform.scale(part, rows: count, by: inputSigns) }
          if k == 1 {
            walsh_fwht_rows(instructions.rawValue, part, count, n, scale)
          } else {
            walsh_hadamard_rows(instructions.rawValue, part, count, k, m, codes, scale, scratch.baseAddress)
          }
        }
      }
    }
  }

  public var inverse: any LinearTransform { transpose }

  public var transpose: any LinearTransform {
    let unsigned = HadamardTransform(outer: outer.transposed, levels: levels)
    return inputSigns.isEmpty ? unsigned : CompositeTransform([unsigned, DiagonalTransform(inputSigns)])
  }

  public var description: String {
    let order = outer.order == 1 ? "\(dimension)" : "\(dimension) = \(outer.order)·\(1 << levels)"
    return inputSigns.isEmpty ? "Hadamard \(order)" : "signs · Hadamard \(order)"
  }
}
