import CKernels

/// The vector instruction set that a C kernel runs with.
///
/// Every kernel exists for `base`; a wider version may be chosen only after the tests have found it equal to the
/// scalar reference. Functions over kernels take the instruction set as a parameter that defaults to `best`, so that
/// tests and benchmarks can run each one.
public enum InstructionSet: Int32, CaseIterable, Comparable, Sendable, CustomStringConvertible {
  /// SSE2 on x86-64, NEON on arm64.
  case base = 0
  /// AVX2 with FMA and F16C.
  case avx2 = 1
  /// AVX-512 F, BW, DQ and VL.
  case avx512 = 2

  /// The widest instruction set of this processor.
  public static let best = InstructionSet(rawValue: walsh_isa()) ?? .base

  /// All instruction sets that this processor can run, narrowest first.
  public static var available: [InstructionSet] { allCases.filter { $0 <= best } }

  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

  public var description: String {
    switch self {
    case .base: "base"
    case .avx2: "AVX2"
    case .avx512: "AVX-512"
    }
  }
}
