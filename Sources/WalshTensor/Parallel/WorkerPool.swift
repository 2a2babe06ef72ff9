import CKernels
import Foundation
import Synchronization

/// The threads that help with parallel loops.
///
/// A loop is posted with a number of seats. The caller works on its share at once; a thread that finds a free seat takes
/// it and works too. When the caller finds no piece left it takes back the free seats and waits for those who sit. Nobody
/// waits for a thread that has not begun, so loops of several callers cannot block each other.
final class WorkerPool: Sendable {
  static let shared = WorkerPool()

  /// True while the current thread runs a piece of a loop; a nested loop then runs in place.
  static var isInsideLoop: Bool { pthread_getspecific(insideLoop) != nil }

  private static let insideLoop: pthread_key_t = {
    var key = pthread_key_t()
    let status = pthread_key_create(&key, nil)
    precondition(status == 0, "The system has no thread-specific memory left.")
    return key
  }()

  private static func setInsideLoop(_ inside: Bool) {
    pthread_setspecific(insideLoop, inside ? UnsafeRawPointer(bitPattern: 1) : nil)
  }

  /// How long a thread looks out for work before it sleeps, and a caller for the last pieces of its loop: longer than what
  /// lies between two products of a token, because waking takes as long.
  private static let patience = Duration.microseconds(100)

  /// The loops with free seats, the oldest first, loops to use again, and the threads.
  private struct State {
    var loops: [ParallelLoop] = []
    var spare: [ParallelLoop] = []
    var threads = 0
    var sleepers = 0
  }

  private let state = Mutex(State())
  /// The free seats of all loops: what a thread looks at while it is awake.
  private let freeSeats = Atomic<Int>(0)
  /// Wakes one thread for each signal.
  private let work = DispatchSemaphore(value: 0)

  /// Does `job` on this thread and up to `threads` − 1 others.
  func run(_ job: ParallelJob, threads: Int) {
    let loop = post(job, seats: min(threads, job.pieces) - 1)
    Self.setInsideLoop(true)
    loop.work(share: 0)
    Self.setInsideLoop(false)
    withdraw(loop)
    loop.finish(patience: Self.patience)
    state.withLock { $0.spare.append(loop) }
  }

  // MARK: Callers

  private func post(_ job: ParallelJob, seats: Int) -> ParallelLoop {
    let (loop, missing, waking) = state.withLock { state in
      let loop = state.spare.popLast() ?? ParallelLoop()
      loop.begin(job, seats: seats)
      state.loops.append(loop)
      freeSeats.add(seats, ordering: .releasing)
      let missing = max(0, seats - state.threads)
      state.threads += missing
      let waking = min(seats, state.sleepers)
      state.sleepers -= waking
      return (loop, missing, waking)
    }
    for _ in 0..<missing { startThread() }
    for _ in 0..<waking { work.signal() }
    return loop
  }

  /// Takes back the seats that nobody took.
  private func withdraw(_ loop: ParallelLoop) {
    state.withLock { state in
      guard loop.seats > 0 else { return }
      freeSeats.subtract(loop.seats, ordering: .relaxed)
      loop.seats = 0
      state.loops.removeAll { $0 === loop }
    }
  }

  // MARK: Threads

  private func startThread() {
    let thread = Thread { [self] in
      Self.setInsideLoop(true)
      while true {
        let (loop, share) = nextLoop()
        loop.work(share: share)
        loop.leave()
      }
    }
    thread.name = "walsh worker"
    thread.stackSize = 8 << 20
    thread.start()
  }

  /// Waits for a loop with a free seat, awake for a while and then asleep, and takes the seat.
  private func nextLoop() -> (ParallelLoop, share: Int) {
    while true {
      spin(for: Self.patience) { freeSeats.load(ordering: .acquiring) > 0 }
      let seat: (ParallelLoop, Int)? = state.withLock { state in
        guard let loop = state.loops.first else {
          state.sleepers += 1
          return nil
        }
        let share = loop.enter()
        freeSeats.subtract(1, ordering: .relaxed)
        if loop.seats == 0 { state.loops.removeFirst() }
        return (loop, share)
      }
      if let seat { return seat }
      work.wait()
    }
  }
}

/// Looks at `condition` until it holds or the time is over; returns whether it holds.
@discardableResult
func spin(for patience: Duration, until condition: () -> Bool) -> Bool {
  if condition() { return true }
  let clock = ContinuousClock()
  let end = clock.now + patience
  repeat {
    for _ in 0..<32 {
      walsh_pause()
      if condition() { return true }
    }
  } while clock.now < end
  return false
}
