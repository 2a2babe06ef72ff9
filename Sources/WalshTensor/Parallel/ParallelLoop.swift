import Foundation
import Synchronization

/// What a loop does: the items of each of its pieces, done by a function that gets all it needs by pointer.
struct ParallelJob {
  let count: Int
  let pieces: Int
  let context: UnsafeRawPointer
  let body: @Sendable (UnsafeRawPointer, Range<Int>) -> Void

  func run(_ piece: Int) { body(context, piece * count / pieces..<(piece + 1) * count / pieces) }
}

/// A loop that threads work on together, and after it another one: the pool keeps these.
///
/// Each thread has a share of consecutive pieces, so that it reads memory in one stream, and helps with the other shares when
/// it is through with its own.
final class ParallelLoop: @unchecked Sendable {
  /// The seats that are free, guarded by the pool's lock.
  var seats = 0
  /// The shares that nobody has, the last one first; guarded by the pool's lock. The caller has share 0.
  private var freeShares = 0
  /// What a piece is; nil once the caller has left, because its context does not outlive the call.
  private var job: ParallelJob?
  private var shares = 0
  /// How many pieces of each share are claimed, a cache line apart.
  private let claims: UnsafeMutablePointer<Atomic<Int>>
  private static let mostShares = 256
  private static let lineWords = 8
  /// The threads that sit, and `sleeping` while the caller sleeps until they have left.
  private let sitting = Atomic<Int>(0)
  private static let sleeping = 1 << 32
  private let allLeft = DispatchSemaphore(value: 0)

  init() {
    claims = .allocate(capacity: Self.mostShares * Self.lineWords)
    for share in 0..<Self.mostShares { (claims + share * Self.lineWords).initialize(to: Atomic(0)) }
  }

  deinit { claims.deallocate() }

  /// Makes this a loop with `seats` free seats; nobody sits.
  func begin(_ job: ParallelJob, seats: Int) {
    self.job = job
    self.seats = seats
    shares = min(seats + 1, Self.mostShares)
    freeShares = shares
    for share in 0..<shares { claims[share * Self.lineWords].store(0, ordering: .relaxed) }
  }

  /// Claims and runs pieces until none is left, those of `share` first.
  func work(share: Int) {
    guard let job else { return }
    for turn in 0..<shares {
      let share = (share + turn) % shares
      let pieces = share * job.pieces / shares..<(share + 1) * job.pieces / shares
      while true {
        let claimed = claims[share * Self.lineWords].wrappingAdd(1, ordering: .relaxed).oldValue
        guard claimed < pieces.count else { break }
        job.run(pieces.lowerBound + claimed)
      }
    }
  }

  /// Takes a seat and gives its share; under the pool's lock, so that the caller knows of it once it has withdrawn the free
  /// ones.
  func enter() -> Int {
    seats -= 1
    sitting.wrappingAdd(1, ordering: .relaxed)
    freeShares = max(0, freeShares - 1)
    return freeShares
  }

  /// Leaves the seat: what was written is visible to the caller.
  func leave() {
    if sitting.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == Self.sleeping { allLeft.signal() }
  }

  /// Returns when nobody sits, and forgets what a piece is.
  func finish(patience: Duration) {
    defer { job = nil }
    if spin(for: patience, until: { sitting.load(ordering: .acquiring) == 0 }) { return }
    if sitting.wrappingAdd(Self.sleeping, ordering: .acquiringAndReleasing).oldValue > 0 { allLeft.wait() }
    sitting.store(0, ordering: .relaxed)
  }
}
