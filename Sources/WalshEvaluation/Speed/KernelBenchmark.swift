import Foundation
import WalshCheckpoints
import WalshModels
import WalshTensor

/// What a kernel reached, beside what copying memory reached in the same run.
public struct KernelResult: Sendable, Hashable {
  /// The kernel, the length of a row, and the number of rows.
  public let kernel: String
  public let size: Int
  public let rows: Int
  /// How many threads it could use.
  public let threads: Int
  /// The median time of one run.
  public let seconds: Double
  /// 10⁹ bytes per second: read and written, but for quantizers the Float32 side alone.
  public let gigabytesPerSecond: Double
  /// 10⁹ bytes read and written per second by copying one half of as much memory to the other half.
  public let copyGigabytesPerSecond: Double
  /// The rate at which the kernel reads and writes, over the copy's.
  public let ratioToCopy: Double
  /// 10⁹ multiplications and additions per second; nil where nobody counts them.
  public let gigaflops: Double?
  /// The instruction set that kernels ran with.
  public let instructions: InstructionSet
  /// What else was measured beside it.
  public let limits: [KernelLimitResult]

  /// `kernel, size, rows, threads, instructions, seconds, gigabytesPerSecond, copyGigabytesPerSecond, ratioToCopy,
  /// gigaflops`, and `limits` with `rate` and `ratio` by name.
  public var json: JSON {
    [
      "kernel": .string(kernel), "size": .number(JSONNumber(size)), "rows": .number(JSONNumber(rows)),
      "threads": .number(JSONNumber(threads)), "instructions": .string(instructions.name),
      "seconds": JSON(finite: seconds),
      "gigabytesPerSecond": JSON(finite: gigabytesPerSecond),
      "copyGigabytesPerSecond": JSON(finite: copyGigabytesPerSecond), "ratioToCopy": JSON(finite: ratioToCopy),
      "gigaflops": gigaflops.map(JSON.init(finite:)) ?? .null,
      "limits": .object(
        JSONObject(
          limits.map { ($0.limit.rawValue, ["rate": JSON(finite: $0.rate), "ratio": JSON(finite: $0.ratio)]) })),
    ]
  }
}

/// Measures kernels against copying memory.
///
/// A round runs the kernel, then the copy and the kernel's limits, each long enough to be timed well; rounds alternate
/// between them, so that what else the machine does meets all, and medians are reported. With one thread processor time counts, else time on
/// the wall.
public struct KernelBenchmark: Sendable {
  /// The number of rounds.
  public let rounds: Int
  /// The least time of a kernel or copy in a round, in seconds.
  public let roundSeconds: Double

  public init(rounds: Int = 9, roundSeconds: Double = 0.01) {
    precondition(rounds > 0 && roundSeconds >= 0, "A benchmark has at least one round, of some length.")
    self.rounds = rounds
    self.roundSeconds = roundSeconds
  }

  /// Measures every case, one after the other, with `Parallel.workerCount` threads.
  public func measure(_ cases: [KernelCase], progress: ProgressObserver? = nil) -> [KernelResult] {
    cases.enumerated().map { index, kernel in
      progress?(ProgressUpdate("\(kernel.kernel) \(kernel.size)", done: index, total: cases.count))
      return measure(kernel)
    }
  }

  /// Measures one case.
  public func measure(_ kernel: KernelCase) -> KernelResult {
    let threads = Parallel.workerCount
    let watch = threads == 1 ? Stopwatch.thread : .wall
    let run = kernel.prepare()
    var memory = KernelCase.operand([max(2, kernel.workingSet / 8 * 2)])
    let copy = { copyFirstHalf(of: &memory) }
    let runs = repetitions(run, watch)
    let copies = repetitions(copy, watch)
    let limits = kernel.limits.compactMap { limit in
      limit.prepare(for: kernel).map { (limit, $0.amount, $0.run, repetitions($0.run, watch)) }
    }
    var kernelSeconds: [Double] = []
    var copySeconds: [Double] = []
    var limitSeconds = limits.map { _ in [Double]() }
    for _ in 0..<rounds {
      kernelSeconds.append(watch.seconds { for _ in 0..<runs { run() } } / Double(runs))
      copySeconds.append(watch.seconds { for _ in 0..<copies { copy() } } / Double(copies))
      for (i, (_, _, run, count)) in limits.enumerated() {
        limitSeconds[i].append(watch.seconds { for _ in 0..<count { run() } } / Double(count))
      }
    }
    let seconds = median(kernelSeconds)
    // A copy of half of the memory to the other half reads and writes all of it.
    let copyRate = Double(memory.count * 4) / median(copySeconds) * 1e-9
    let moved = Double(kernel.bytesMoved) / seconds * 1e-9
    return KernelResult(
      kernel: kernel.kernel, size: kernel.size, rows: kernel.rows, threads: threads, seconds: seconds,
      gigabytesPerSecond: Double(kernel.countedBytes) / seconds * 1e-9, copyGigabytesPerSecond: copyRate,
      ratioToCopy: moved / copyRate, gigaflops: kernel.operations.map { Double($0) / seconds * 1e-9 },
      instructions: .best,
      limits: zip(limits, limitSeconds).map { limit, limitSeconds in
        let (name, amount, _, _) = limit
        let rate = amount / median(limitSeconds) * 1e-9
        let own = name == .read ? Double(kernel.bytesMoved) : Double(kernel.operations ?? 0)
        return KernelLimitResult(limit: name, rate: rate, ratio: own / seconds * 1e-9 / rate)
      })
  }

  /// How often to repeat `body` in a round. The first run, which meets cold caches and fresh pages, does not count.
  private func repetitions(_ body: () -> Void, _ watch: Stopwatch) -> Int {
    body()
    var count = 1
    while true {
      let seconds = watch.seconds { for _ in 0..<count { body() } }
      if seconds >= roundSeconds || count >= 1 << 24 { return count }
      count = max(count * 2, seconds > 0 ? Int(Double(count) * roundSeconds / seconds) : 0)
    }
  }
}

/// Copies the first half of `memory` to the second, in pieces of a megabyte on as many threads as kernels use.
private func copyFirstHalf(of memory: inout Tensor) {
  memory.withUnsafeMutableBufferPointer { values in
    guard let base = values.baseAddress else { return }
    let half = values.count / 2
    Parallel.forEachChunk(of: half, size: 1 << 18) { range in
      memcpy(base + half + range.lowerBound, base + range.lowerBound, 4 * range.count)
    }
  }
}
