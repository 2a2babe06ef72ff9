import CKernels
import Synchronization

/// The vector instruction set that a C kernel runs with.
///
/// Every kernel exists for `base`; a wider version may be chosen only after the tests have found it equal to the
/// scalar reference. Functions over kernels take the instruction set as a parameter that defaults to `best`, so that
/// tests and benchmarks can run each one.
public enum InstructionSet: Int32, CaseIterable, Comparable, Sendable, CustomStringConvertible {
  /// SSE2 on x86-64, NEON on arm64: the reference.
  case base = 0
  /// AVX2 with FMA and F16C.
  case avx2 = 1
  /// AVX-512 F, BW, DQ, VL, VBMI, VNNI and BF16: Zen 4, Sapphire Rapids and later.
  case avx512 = 2
  /// NEON with dot products, Armv8.4. Kernels that do not need them are those of `base`.
  case dotProduct = 3
  /// NEON with dot products and matrix products of int8, Armv8.6.
  case matrixProduct = 4

  /// The widest instruction set of this processor.
  public static let widest = InstructionSet(rawValue: walsh_isa()) ?? .base

  private static let chosen = Atomic<Int32>(widest.rawValue)

  /// What kernels run with unless told otherwise: `widest`. The command line sets it once from `--kernels`.
  ///
  /// - Precondition: it is one of `available`.
  public static var best: InstructionSet {
    get { InstructionSet(rawValue: chosen.load(ordering: .relaxed)) ?? .base }
    set {
      precondition(newValue.isAvailable, "This processor does not run \(newValue) kernels.")
      chosen.store(newValue.rawValue, ordering: .relaxed)
    }
  }

  /// All instruction sets that this processor can run, narrowest first.
  public static var available: [InstructionSet] { allCases.filter(\.isAvailable) }

  /// Whether this processor can run it.
  public var isAvailable: Bool {
    switch self {
    case .base: true
    case .avx2, .avx512: self <= Self.widest && Self.widest < .dotProduct
    case .dotProduct, .matrixProduct: self <= Self.widest
    }
  }

  /// The name on the command line.
  public var name: String {
    switch self {
    case .base: "reference"
    case .avx2: "avx2"
    case .avx512: "avx512"
    case .dotProduct: "dotprod"
    case .matrixProduct: "i8mm"
    }
  }

  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

  public var description: String {
    switch self {
    case .base: "base"
    case .avx2: "AVX2"
    case .avx512: "AVX-512"
    case .dotProduct: "NEON dot product"
    case .matrixProduct: "NEON matrix product"
    }
  }
}
