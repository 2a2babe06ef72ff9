import CKernels
import WalshFormats
import WalshTensor

/// What bounds a kernel, apart from copying memory: measured beside it, in the same rounds.
public enum KernelLimit: String, CaseIterable, Sendable {
  /// Reading as many bytes as the kernel touches.
  case read
  /// The integer dot instruction of the instruction set that kernels run with, on registers alone.
  case integerDot = "integer dot"
  /// The same product in Float32 by the system's BLAS.
  case sgemm
  /// The kernel's own scalar reference: no limit, but what vectors are worth.
  case reference = "scalar reference"

  /// What one run of the limit does, and the amount by which its rate counts: bytes for `read`, operations for others.
  /// Nil where the machine has no such thing.
  func prepare(for kernel: KernelCase) -> (amount: Double, run: () -> Void)? {
    switch self {
    case .read:
      // Whole pieces of 64 KiB, cut among the threads.
      let piece = 64 << 10
      let pieces = max(1, kernel.workingSet / piece)
      let memory = AlignedBytes(count: pieces * piece) { $0.initialize(repeating: 0x5A, count: pieces * piece) }
      return (
        Double(pieces * piece),
        { Parallel.forEach(pieces, grain: 16) { keep(walsh_read(memory.bytes + $0 * piece, piece)) } }
      )
    case .integerDot:
      let isa = InstructionSet.best.rawValue
      let count = 1 << 16
      let operations = walsh_integer_dots(isa, count)
      guard operations > 0 else { return nil }
      let workers = Parallel.workerCount
      return (
        Double(operations) * Double(workers),
        { Parallel.forEach(workers) { _ in keep(walsh_integer_dots(isa, count)) } }
      )
    case .sgemm:
      guard let operations = kernel.operations else { return nil }
      let x = KernelCase.operand([kernel.rows, kernel.size])
      let w = KernelCase.operand([operations / 2 / kernel.rows / kernel.size, kernel.size])
      return (Double(operations), { withExtendedLifetime(x.matmulTransposed(w)) {} })
    case .reference:
      guard let operations = kernel.operations, let run = kernel.prepareReference?() else { return nil }
      return (Double(operations), run)
    }
  }
}

/// A limit as it was measured, and what a kernel reached of it.
public struct KernelLimitResult: Sendable, Hashable {
  /// The limit.
  public let limit: KernelLimit
  /// 10⁹ bytes or operations per second.
  public let rate: Double
  /// The kernel's rate over this one.
  public let ratio: Double
}

/// Uses a value, so that computing it is not left out.
@inline(never)
private func keep(_ value: UInt64) {}
