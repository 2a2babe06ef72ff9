import Foundation
import WalshTensor

/// The residual stream of every calibration sample between two blocks, in memory or, above a limit, in a scratch file.
///
/// Values are the same either way, so the memory limit never changes a result.
final class HiddenStates {
  private var samples: [Tensor]
  private let scratch: URL?
  private let shapes: [[Int]]

  /// - Parameters:
  ///   - samples: one tensor `[tokens, hiddenSize]` per sample.
  ///   - limit: the bytes that may stay in memory.
  ///   - folder: where the scratch file goes; it is removed with this object.
  ///   - name: the scratch file's name, one for each stream.
  init(_ samples: [Tensor], limit: Int, folder: URL, name: String = "hidden-states") throws {
    shapes = samples.map(\.shape)
    if samples.reduce(0, { $0 + $1.count * 4 }) <= limit {
      self.samples = samples
      scratch = nil
      return
    }
    self.samples = []
    let url = folder.appending(path: "\(name).scratch")
    guard FileManager.default.createFile(atPath: url.path, contents: nil) else {
      throw QuantizationError(url.path, "the scratch file cannot be created; check the disk's space and permissions.")
    }
    scratch = url
    let file = try FileHandle(forWritingTo: url)
    defer { try? file.close() }
    for sample in samples {
      try file.write(contentsOf: sample.withUnsafeBufferPointer { Data(buffer: $0) })
    }
  }

  deinit { if let scratch { try? FileManager.default.removeItem(at: scratch) } }

  /// The number of samples.
  var count: Int { shapes.count }

  /// Calls `body` with each sample in order.
  func forEach(_ body: (Tensor) throws -> Void) throws {
    for index in shapes.indices { try body(try sample(index)) }
  }

  /// Replaces each sample in order.
  func update(_ change: (Tensor) throws -> Tensor) throws { try update(from: self, change) }

  /// Replaces each sample in order by `change` of the same sample of `other`.
  func update(from other: HiddenStates, _ change: (Tensor) throws -> Tensor) throws {
    for index in shapes.indices {
      let changed = try change(try other.sample(index))
      guard let scratch else {
        samples[index] = changed
        continue
      }
      let file = try FileHandle(forUpdating: scratch)
      defer { try? file.close() }
      try file.seek(toOffset: UInt64(offset(of: index)))
      try file.write(contentsOf: changed.withUnsafeBufferPointer { Data(buffer: $0) })
    }
  }

  private func offset(of index: Int) -> Int { shapes[..<index].reduce(0) { $0 + $1.reduce(1, *) * 4 } }

  /// Sample `index`.
  func sample(_ index: Int) throws -> Tensor {
    guard let scratch else { return samples[index] }
    let file = try FileHandle(forReadingFrom: scratch)
    defer { try? file.close() }
    try file.seek(toOffset: UInt64(offset(of: index)))
    let bytes = try file.read(upToCount: shapes[index].reduce(1, *) * 4) ?? Data()
    guard bytes.count == shapes[index].reduce(1, *) * 4 else {
      throw QuantizationError(scratch.path, "the scratch file was cut short while the run used it; start again.")
    }
    return Tensor(shape: shapes[index]) { out in _ = bytes.copyBytes(to: UnsafeMutableRawBufferPointer(out)) }
  }
}
