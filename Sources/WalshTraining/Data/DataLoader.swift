import WalshTensor

/// Serves windows in batches, every window once in an epoch, each epoch in an order of its own.
///
/// The order of an epoch is a function of seed and epoch alone, so that a position is all there is to remember.
public struct DataLoader: Sendable {
  /// A place in the data.
  public struct Position: Sendable, Hashable {
    /// The epoch, from 0.
    public var epoch: Int
    /// How many windows of the epoch were served.
    public var index: Int

    public init(epoch: Int = 0, index: Int = 0) {
      self.epoch = epoch
      self.index = index
    }
  }

  /// Windows that are computed together.
  public struct Batch: Sendable, Equatable {
    /// Which windows.
    public let indices: [Int]
    /// The tokens of all windows, one after the other.
    public let inputs: [Int]
    /// The tokens that follow them.
    public let targets: [Int]
  }

  /// What is served.
  public let windows: PackedWindows
  /// What will be served next.
  public private(set) var position: Position
  private let seed: UInt64
  private var order: [Int]

  /// - Parameters:
  ///   - windows: what to serve.
  ///   - seed: of the orders.
  ///   - position: where to begin; its index is at most the number of windows.
  public init(_ windows: PackedWindows, seed: UInt64, position: Position = Position()) {
    precondition(position.index <= windows.count, "There is no window \(position.index) of \(windows.count).")
    self.windows = windows
    self.seed = seed
    self.position = position
    order = Self.order(of: windows.count, seed: seed, epoch: position.epoch)
  }

  /// The next `size` windows. A batch may end one epoch and begin the next.
  public mutating func next(_ size: Int) -> Batch {
    let indices = (0..<size).map { _ in
      if position.index == windows.count {
        position = Position(epoch: position.epoch + 1)
        order = Self.order(of: windows.count, seed: seed, epoch: position.epoch)
      }
      defer { position.index += 1 }
      return order[position.index]
    }
    return Batch(indices, of: windows)
  }

  /// All windows in batches of at most `size`, in their order: what a validation pass reads.
  public static func batches(of windows: PackedWindows, size: Int) -> [Batch] {
    stride(from: 0, to: windows.count, by: size).map { start in
      Batch(Array(start..<min(windows.count, start + size)), of: windows)
    }
  }

  private static func order(of count: Int, seed: UInt64, epoch: Int) -> [Int] {
    var generator = RandomStream(seed: seed, purpose: "training/order", index: UInt64(epoch)).generator
    return (0..<count).shuffled(using: &generator)
  }
}

extension DataLoader.Batch {
  init(_ indices: [Int], of windows: PackedWindows) {
    let parts = indices.map { windows[$0] }
    self.init(indices: indices, inputs: parts.flatMap(\.inputs), targets: parts.flatMap(\.targets))
  }
}
