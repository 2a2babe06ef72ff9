import Foundation

/// What time a measurement counts.
enum Stopwatch {
  /// Time on the wall: for work on several threads.
  case wall
  /// The processor time of the calling thread: for work on that thread alone, undisturbed by other programs.
  case thread

  /// How long `body` takes.
  func seconds(_ body: () -> Void) -> Double {
    let start = now
    body()
    return now - start
  }

  private var now: Double {
    var time = timespec()
    clock_gettime(self == .wall ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}

/// The middle value, or the mean of the middle two; NaN without any.
func median(_ values: [Double]) -> Double { quantile(0.5, ofSorted: values.sorted()) }
