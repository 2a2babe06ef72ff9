import Foundation
import WalshTensor

/// One measurement of a kernel: what it is called, how much it moves and computes, and how to run it once.
public struct KernelCase {
  /// The kernel, such as `fwht` or `pack mxfp4`.
  public let kernel: String
  /// The length of a row: of a transform, of a quantized row, the inner extent of a product.
  public let size: Int
  /// The number of rows: of a batch, or tokens of a product.
  public let rows: Int
  /// The bytes that the kernel must read and write.
  public let bytesMoved: Int
  /// The bytes that a run touches: less than it moves where it writes what it has read.
  public let workingSet: Int
  /// The bytes that its GB/s counts: `bytesMoved`, but for quantizers the Float32 input alone.
  public let countedBytes: Int
  /// The multiplications and additions of one run; nil where nobody counts them.
  public let operations: Int?
  /// What to measure beside it, besides a copy.
  public let limits: [KernelLimit]
  /// Allocates the operands and returns what one run does.
  let prepare: () -> () -> Void
  /// The same for the kernel's definition, a scalar at a time; nil where nobody measures it.
  let prepareReference: (() -> () -> Void)?

  /// - Parameters:
  ///   - workingSet: `bytesMoved` unless the kernel works in place.
  ///   - prepare: allocates the operands, never zeros, and returns what one run does; a run must leave them fit for
  ///     the next.
  ///   - reference: the same for the kernel's scalar reference, which `KernelLimit.reference` runs.
  public init(
    kernel: String, size: Int, rows: Int, bytesMoved: Int, workingSet: Int? = nil, countedBytes: Int? = nil,
    operations: Int? = nil, limits: [KernelLimit] = [],
    reference: (() -> () -> Void)? = nil, prepare: @escaping () -> () -> Void
  ) {
    self.kernel = kernel
    self.size = size
    self.rows = rows
    self.bytesMoved = bytesMoved
    self.workingSet = workingSet ?? bytesMoved
    self.countedBytes = countedBytes ?? bytesMoved
    self.operations = operations
    self.limits = limits
    self.prepare = prepare
    prepareReference = reference
  }

  /// The groups of cases on the command line.
  public enum Group: String, CaseIterable, Sendable {
    /// Hadamard transforms.
    case fwht
    /// Quantizing, packing and unpacking.
    case formats
    /// Products of packed and of plain matrices.
    case matmul
    /// Products of four-bit matrices against the limits of the machine.
    case kernels
    /// Mamba's selective scan and convolution.
    case scan

    /// The cases of the group.
    public var cases: [KernelCase] {
      switch self {
      case .fwht: KernelCase.transforms
      case .formats: KernelCase.formats
      case .matmul: KernelCase.products
      case .kernels: KernelCase.packed
      case .scan: KernelCase.scans
      }
    }
  }

  /// Bytes that stay in the second-level cache between runs.
  static let cachedBytes = 256 << 10
  /// Bytes that do not stay in any cache.
  static let memoryBytes = 64 << 20

  /// A tensor of normal numbers, of which the first 65536 repeat: drawing more would take longer than measuring.
  static func operand(_ shape: [Int]) -> Tensor {
    let stream = RandomStream(seed: 0, purpose: "benchmark")
    let block = (0..<65536).map { Float(stream.normal(at: $0)) }
    return Tensor(shape: shape) { out in for i in out.indices { out[i] = block[i & 65535] } }
  }
}
