import Foundation

/// A safetensors file opened for reading; its tensors stay in the mapped file until they are used.
///
/// Source: the safetensors format, huggingface.co/docs/safetensors.
public struct SafeTensorsFile: Sendable {
  /// Where the file is.
  public let url: URL
  /// The tensors in the order of their data.
  public let tensors: [StoredTensor]
  /// The `__metadata__` pairs, such as `format: pt`.
  public let metadata: [(key: String, value: String)]

  /// Maps the file at `url` and checks its whole header.
  ///
  /// - Throws: `CheckpointError` naming the file and what is wrong: a header that is too long, truncated, no JSON
  ///   object or names a tensor twice; an unknown dtype; a shape, size or offset that does not fit; holes, overlaps or
  ///   trailing bytes.
  public init(_ url: URL) throws(CheckpointError) {
    let file = try MappedFile(url)
    let header = try SafeTensorsHeader(reading: file)
    self.url = url
    metadata = header.metadata
    tensors = header.entries.map { entry in
      let start = header.dataStart + entry.range.lowerBound
      return StoredTensor(entry.layout, in: file, at: start..<start + entry.range.count)
    }
  }
}
