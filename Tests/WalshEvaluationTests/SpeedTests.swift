import Foundation
import Testing
import WalshTensor

@testable import WalshEvaluation

@Suite("Speed", .serialized)
struct SpeedTests {
  /// Reads and writes `count` floats `times` times over.
  private func scaling(_ count: Int, times: Int) -> KernelCase {
    KernelCase(kernel: "scale", size: count, rows: 1, bytesMoved: 8 * count, workingSet: 4 * count, operations: count)
    {
      var x = KernelCase.operand([count])
      return {
        for _ in 0..<times { x.withUnsafeMutableBufferPointer { for i in $0.indices { $0[i] = -$0[i] } } }
      }
    }
  }

  @Test("Figures follow from one another")
  func consistent() {
    let result = KernelBenchmark(rounds: 3, roundSeconds: 1e-4).measure(scaling(4096, times: 1))
    #expect(result.seconds > 0)
    #expect(abs(result.gigabytesPerSecond * result.seconds * 1e9 - 32768) < 1)
    #expect(abs(result.ratioToCopy * result.copyGigabytesPerSecond - result.gigabytesPerSecond) < 1e-6)
    #expect(abs((result.gigaflops ?? 0) * result.seconds * 1e9 - 4096) < 1)
    for key in ["kernel", "size", "rows", "threads", "seconds", "gigabytesPerSecond", "ratioToCopy"] {
      #expect(result.json[key] != nil, "\(key)")
    }
  }

  @Test("Every group has cases, each of which runs and moves something", arguments: KernelCase.Group.allCases)
  func catalogue(group: KernelCase.Group) {
    #expect(!group.cases.isEmpty)
    for kernel in group.cases where kernel.workingSet <= KernelCase.cachedBytes * 2 {
      let run = kernel.prepare()
      run()
      run()
      #expect(kernel.bytesMoved >= kernel.countedBytes && kernel.countedBytes > 0)
    }
  }

  @Test("Transforms come in powers of two from 128 to a million and in orders K·2^a, from cache and memory")
  func transforms() {
    let cases = KernelCase.Group.fwht.cases
    for size in [128, 1024, 4096, 16384, 1_048_576] {
      #expect(cases.contains { $0.kernel == "fwht" && $0.size == size })
    }
    #expect(Set(cases.filter { $0.kernel == "hadamard" }.map(\.size)).count >= 3)
    let sets = cases.filter { $0.size == 1024 }.map(\.workingSet)
    #expect(sets == [KernelCase.cachedBytes, KernelCase.memoryBytes])
  }

  @Test("The median of an even number of values is between the middle two")
  func medians() {
    #expect(median([3, 1, 2]) == 2)
    #expect(median([4, 1, 2, 3]) == 2.5)
    #expect(median([]).isNaN)
  }
}
