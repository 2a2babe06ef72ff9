import Foundation
import WalshCheckpoints
import WalshTensor

/// States as safetensors files of Float64, bit for bit.
extension PreparationState {
  private static let prefix = "matrix/"
  private static let losses = "losses"

  /// Reads a file of `write(to:)`.
  ///
  /// - Throws: `CheckpointError` when it is missing or damaged.
  init(contentsOf url: URL) throws(CheckpointError) {
    let file = try Checkpoint(file: url)
    var matrices: [String: Matrix] = [:]
    for name in file.names where name.hasPrefix(Self.prefix) {
      let stored = try file.tensor(name)
      guard stored.shape.count == 2 else { throw CheckpointError(url, "its tensor \(name) is no matrix.") }
      matrices[String(name.dropFirst(Self.prefix.count))] = Matrix(
        rows: stored.shape[0], columns: stored.shape[1], values: try stored.doubles(of: url))
    }
    self.init(matrices: matrices, losses: try file.tensor(Self.losses).doubles(of: url))
  }

  /// Writes the state; under its name the file is always whole.
  ///
  /// - Throws: `CheckpointError` when the disk refuses.
  func write(to url: URL) throws(CheckpointError) {
    var tensors = [StoredTensor(name: Self.losses, shape: [losses.count], doubles: losses)]
    for (name, matrix) in matrices.sorted(by: { $0.key < $1.key }) {
      tensors.append(
        StoredTensor(name: Self.prefix + name, shape: [matrix.rows, matrix.columns], doubles: matrix.values))
    }
    let writer = try SafeTensorsWriter(url, tensors: tensors.map(\.layout))
    for tensor in tensors { try writer.write(tensor) }
    try writer.finish()
  }
}

extension StoredTensor {
  fileprivate init(name: String, shape: [Int], doubles: [Double]) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(8 * doubles.count)
    for value in doubles { Swift.withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) } }
    self.init(name: name, dtype: .float64, shape: shape, bytes: bytes)
  }

  fileprivate func doubles(of url: URL) throws(CheckpointError) -> [Double] {
    guard dtype == .float64 else { throw CheckpointError(url, "its tensor \(name) is \(dtype.rawValue), not F64.") }
    return withUnsafeBytes { bytes in
      (0..<count).map {
        Double(bitPattern: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self)))
      }
    }
  }
}
