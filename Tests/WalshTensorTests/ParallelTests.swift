import Dispatch
import Foundation
import Synchronization
import Testing
import WalshTensor

@Suite("Parallel loops")
struct ParallelTests {
  /// How often each index was called.
  private func calls(_ count: Int, _ loop: ((Int) -> Void) -> Void) -> [Int] {
    var calls = [Int](repeating: 0, count: count)
    calls.withUnsafeMutableBufferPointer { calls in loop { calls[$0] += 1 } }
    return calls
  }

  @Test("Every index is called once", arguments: [1, 2, 3, 7], [0, 1, 2, 5, 64, 1001])
  func once(workers: Int, count: Int) {
    withWorkers(workers) {
      for grain in [0, 1, 3, 500, 2000] {
        #expect(calls(count) { Parallel.forEach(count, grain: grain, $0) } == Array(repeating: 1, count: count))
      }
    }
  }

  /// The ranges of items that a loop has handed out.
  private final class Found: Sendable {
    let ranges = Mutex<[Range<Int>]>([])
  }

  @Test("With a context every index is in one range of items", arguments: [1, 2, 3, 7], [0, 1, 2, 5, 64, 1001])
  func ranges(workers: Int, count: Int) {
    withWorkers(workers) {
      for grain in [0, 1, 3, 500, 2000] {
        let found = Found()
        Parallel.forEach(count, grain: grain, sharing: found) { found, items in
          found.ranges.withLock { $0.append(items) }
        }
        #expect(found.ranges.withLock { $0.flatMap { $0 }.sorted() } == Array(0..<count))
      }
    }
  }

  @Test("A negative count calls nothing")
  func negative() {
    var calls = 0
    withWorkers(2) { Parallel.forEach(-3) { _ in calls += 1 } }
    #expect(calls == 0)
  }

  @Test("Chunks cover the range in pieces that depend on its size alone", arguments: [1, 2, 5])
  func chunks(workers: Int) {
    func chunks(of count: Int, size: Int) -> [Range<Int>] {
      let found = Mutex<[Range<Int>]>([])
      withWorkers(workers) {
        Parallel.forEachChunk(of: count, size: size) { range in found.withLock { $0.append(range) } }
      }
      return found.withLock { $0.sorted { $0.lowerBound < $1.lowerBound } }
    }
    #expect(chunks(of: 10, size: 4) == [0..<4, 4..<8, 8..<10])
    #expect(chunks(of: 8, size: 4) == [0..<4, 4..<8])
    #expect(chunks(of: 3, size: 4) == [0..<3])
    #expect(chunks(of: 0, size: 4) == [])
  }

  @Test("One worker, and fewer than two grains, stay on the calling thread")
  func callingThread() {
    let caller = Thread.current
    func leaves(workers: Int, count: Int, grain: Int) -> Bool {
      let strayed = Mutex(false)
      withWorkers(workers) {
        Parallel.forEach(count, grain: grain) { _ in
          // Long enough for another thread to take an item, if it were offered one.
          Thread.sleep(forTimeInterval: 0.05)
          if Thread.current !== caller { strayed.withLock { $0 = true } }
        }
      }
      return strayed.withLock { $0 }
    }
    #expect(!leaves(workers: 1, count: 4, grain: 1))
    #expect(!leaves(workers: 4, count: 5, grain: 3))
    #expect(!leaves(workers: 4, count: 1, grain: 1))
  }

  @Test(
    "Two workers run at the same time: the first half waits for the second",
    .enabled(if: ProcessInfo.processInfo.activeProcessorCount > 1))
  func concurrent() {
    let secondRuns = DispatchSemaphore(value: 0)
    let met = Mutex(false)
    withWorkers(2) {
      Parallel.forEach(2) { item in
        if item == 1 {
          secondRuns.signal()
        } else {
          met.withLock { $0 = secondRuns.wait(timeout: .now() + 30) == .success }
        }
      }
    }
    #expect(met.withLock { $0 })
  }

  @Test("A nested loop runs whole, on the thread of its item")
  func nested() {
    let found = withWorkers(2) {
      calls(20 * 30) { call in
        Parallel.forEach(20) { i in Parallel.forEach(30) { j in call(i * 30 + j) } }
      }
    }
    #expect(found == Array(repeating: 1, count: 600))

    let strayed = Mutex(false)
    withWorkers(2) {
      Parallel.forEach(2) { i in
        // The second item ends at once, so that its thread is free while the first one loops.
        if i == 1 { return }
        let thread = Thread.current
        Parallel.forEach(4) { _ in
          Thread.sleep(forTimeInterval: 0.05)
          if Thread.current !== thread { strayed.withLock { $0 = true } }
        }
      }
    }
    #expect(!strayed.withLock { $0 })
  }

  @Test("Small loops in great number from several threads, nested, with the number of workers changing under them")
  func storm() {
    let wrong = Mutex(0)
    withWorkers(2) {
      DispatchQueue.concurrentPerform(iterations: 6) { caller in
        for round in 0..<3000 {
          if caller == 0 && round % 50 == 0 { Parallel.workerCount = 1 + round / 50 % 9 }
          let count = 1 + (7 * round + caller) % 40
          let found = calls(3 * count) { call in
            Parallel.forEach(count) { i in Parallel.forEach(3) { j in call(3 * i + j) } }
          }
          if found != Array(repeating: 1, count: 3 * count) { wrong.withLock { $0 += 1 } }
        }
      }
    }
    #expect(wrong.withLock { $0 } == 0)
  }

  @Test("What an item wrote is visible to the caller, however short the loop")
  func visible() {
    let total = withWorkers(4) {
      (0..<20_000).reduce(0) { total, round in
        var parts = [Int](repeating: 0, count: 8)
        parts.withUnsafeMutableBufferPointer { parts in
          nonisolated(unsafe) let parts = parts
          Parallel.forEach(8) { parts[$0] = round }
        }
        return total + parts.reduce(0, +)
      }
    }
    #expect(total == 8 * 20_000 * 19_999 / 2)
  }

  @Test("A loop goes on while another caller's items wait for it")
  func noCallerWaitsForAnother() {
    let second = DispatchSemaphore(value: 0)
    let met = Mutex(false)
    withWorkers(2) {
      DispatchQueue.concurrentPerform(iterations: 2) { caller in
        if caller == 0 {
          // Both threads of this loop wait until the other caller has finished a loop of its own.
          Parallel.forEach(2) { _ in
            let isThere = second.wait(timeout: .now() + 30) == .success
            second.signal()
            met.withLock { $0 = isThere }
          }
        } else {
          Parallel.forEach(100) { _ in }
          second.signal()
        }
      }
    }
    #expect(met.withLock { $0 })
  }

  @Test("There is always at least one worker")
  func atLeastOne() {
    withWorkers(0) { #expect(Parallel.workerCount == 1) }
    withWorkers(-5) { #expect(Parallel.workerCount == 1) }
  }
}

@Suite("Instruction sets", .serialized)
struct InstructionSetTests {
  @Test("The available ones start at base and end at the widest")
  func available() {
    #expect(InstructionSet.available.first == .base)
    #expect(InstructionSet.available.last == .widest)
    #expect(InstructionSet.available == InstructionSet.available.sorted())
    #expect(Set(InstructionSet.allCases.map(\.name)).count == InstructionSet.allCases.count)
    #expect(InstructionSet.avx512.description == "AVX-512")
  }

  @Test("The best is the widest until another is chosen, which must be available")
  func chosen() async {
    defer { InstructionSet.best = .widest }
    for instructions in InstructionSet.available {
      InstructionSet.best = instructions
      #expect(InstructionSet.best == instructions)
    }
    await #expect(processExitsWith: .failure) {
      InstructionSet.best = InstructionSet.widest >= .dotProduct ? .avx2 : .dotProduct
    }
  }
}
