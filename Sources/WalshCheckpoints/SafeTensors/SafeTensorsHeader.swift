import Foundation

/// The head of a safetensors file: which tensors it holds, and where.
///
/// Layout: 8 bytes with the length of the JSON text (little-endian), the JSON text, padded with spaces to a multiple
/// of 8, then the data. Offsets count from the first byte of the data, are contiguous and leave no hole.
struct SafeTensorsHeader {
  /// A tensor and the bytes it fills, counted from the start of the data.
  struct Entry {
    let layout: TensorLayout
    let range: Range<Int>
  }

  /// The longest JSON text that readers accept.
  static let maximumLength = 100_000_000

  /// The tensors by the position of their data.
  let entries: [Entry]
  /// The `__metadata__` object, pairs of text, in the order of the file.
  let metadata: [(key: String, value: String)]
  /// Where the data begins in the file.
  let dataStart: Int

  /// The number of data bytes.
  var dataCount: Int { entries.last?.range.upperBound ?? 0 }
}

// MARK: Writing

extension SafeTensorsHeader {
  /// The header of a new file that holds `layouts`.
  ///
  /// The order is that of the reference implementation: wide elements first, then by name. So every tensor is
  /// aligned to its element size, and the same tensors always give the same bytes.
  init(_ layouts: [TensorLayout], metadata: [(key: String, value: String)]) {
    var position = 0
    entries = layouts.sorted(by: Self.precedes).map { layout in
      defer { position += layout.byteCount }
      return Entry(layout: layout, range: position..<position + layout.byteCount)
    }
    self.metadata = metadata
    dataStart = Self.encoded(entries, metadata).count
  }

  /// The bytes before the data.
  var encoded: [UInt8] { Self.encoded(entries, metadata) }

  private static func precedes(_ a: TensorLayout, _ b: TensorLayout) -> Bool {
    if a.dtype.rank != b.dtype.rank { return a.dtype.rank > b.dtype.rank }
    return a.name.utf8.lexicographicallyPrecedes(b.name.utf8)
  }

  private static func encoded(_ entries: [Entry], _ metadata: [(key: String, value: String)]) -> [UInt8] {
    var object = JSONObject()
    if !metadata.isEmpty {
      object["__metadata__"] = .object(JSONObject(metadata.map { ($0.key, .string($0.value)) }))
    }
    for entry in entries {
      let shape = entry.layout.shape.map { JSON.number(JSONNumber($0)) }
      let range = [entry.range.lowerBound, entry.range.upperBound].map { JSON.number(JSONNumber($0)) }
      object[entry.layout.name] = [
        "dtype": .string(entry.layout.dtype.rawValue), "shape": .array(shape), "data_offsets": .array(range),
      ]
    }
    var text = JSON.object(object).serialized()
    while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
    return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
  }
}

// MARK: Reading

extension SafeTensorsHeader {
  /// Reads and checks the header of `file`.
  ///
  /// Afterwards every range lies inside the file, has the size that type and shape ask for, and the ranges fill the
  /// data without hole or overlap.
  ///
  /// - Throws: `CheckpointError` with the first thing that is wrong.
  init(reading file: MappedFile) throws(CheckpointError) {
    func fail(_ cause: String) -> CheckpointError { CheckpointError(file.url, cause) }
    guard file.count >= 8 else {
      throw fail("it has \(file.count) bytes, too few for a safetensors file; download it again.")
    }
    let length = file.withUnsafeBytes(0..<8) { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
    guard length <= Self.maximumLength else {
      throw fail(
        "its header claims \(length) bytes, more than the 100 MB a safetensors header may have; is it another format?"
      )
    }
    guard Int(length) <= file.count - 8 else {
      throw fail("its header claims \(length) bytes, but only \(file.count - 8) follow; download it again.")
    }
    dataStart = 8 + Int(length)
    let parsed = file.withUnsafeBytes(8..<dataStart) { bytes in
      Result { () throws(JSONError) in try JSON(parsing: bytes) }
    }
    let object: JSONObject
    switch parsed {
    case .success(.object(let members)): object = members
    case .success(let other): throw fail("its header is \(other.kind), not a JSON object.")
    case .failure(let error): throw fail("its header is not JSON: \(error.description)")
    }

    var entries: [Entry] = []
    var metadata: [(key: String, value: String)] = []
    var names: Set<String> = []
    for (name, value) in object {
      if name == "__metadata__" {
        metadata = try Self.metadata(value, file.url)
      } else {
        // The parser compares keys by bytes; "é" in one scalar or in two is the same name to a dictionary.
        guard names.insert(name).inserted else {
          throw fail("the name \(name) occurs twice, in two Unicode spellings.")
        }
        entries.append(try Self.entry(name, value, file.url))
      }
    }
    entries.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
    try Self.checkCoverage(entries, dataCount: file.count - dataStart, file.url)
    self.entries = entries
    self.metadata = metadata
  }

  private static func metadata(_ value: JSON, _ url: URL) throws(CheckpointError) -> [(key: String, value: String)] {
    guard let object = value.objectValue else {
      throw CheckpointError(url, "its __metadata__ is \(value.kind), not an object of text.")
    }
    var metadata: [(key: String, value: String)] = []
    for (key, value) in object {
      guard let text = value.stringValue else {
        throw CheckpointError(url, "its __metadata__ entry \(key) is \(value.kind), not text.")
      }
      metadata.append((key, text))
    }
    return metadata
  }

  private static func entry(_ name: String, _ value: JSON, _ url: URL) throws(CheckpointError) -> Entry {
    func fail(_ cause: String) -> CheckpointError { CheckpointError(url, "the tensor \(name) \(cause).") }
    guard let object = value.objectValue else { throw fail("is described by \(value.kind), not by an object") }
    guard let type = object["dtype"]?.stringValue else { throw fail("has no dtype") }
    guard let dtype = DType(rawValue: type) else {
      let known = DType.allCases.map(\.rawValue).joined(separator: ", ")
      throw fail("has the unknown dtype \(type); known are \(known)")
    }
    guard let extents = object["shape"]?.arrayValue else { throw fail("has no shape") }
    var shape: [Int] = []
    var byteCount = dtype.byteCount
    for extent in extents {
      guard let extent = extent.intValue, extent >= 0 else {
        throw fail("has a shape whose extents are not all whole numbers from 0 on")
      }
      shape.append(extent)
      // Zero extents do not excuse the others: the product of the rest must fit as well.
      let (product, overflow) = byteCount.multipliedReportingOverflow(by: max(1, extent))
      guard !overflow else {
        throw fail("has the shape \(shape.map(String.init).joined(separator: "×"))…, too large")
      }
      byteCount = product
    }
    if shape.contains(0) { byteCount = 0 }
    guard let offsets = object["data_offsets"]?.arrayValue, offsets.count == 2,
      let begin = offsets[0].intValue, let end = offsets[1].intValue, begin >= 0
    else { throw fail("has no data_offsets of two whole numbers from 0 on") }
    guard begin <= end else { throw fail("ends at byte \(end), before it begins at \(begin)") }
    guard end - begin == byteCount else {
      throw fail("has \(end - begin) bytes, but \(type) of shape \(shape) needs \(byteCount)")
    }
    return Entry(layout: TensorLayout(name: name, dtype: dtype, shape: shape), range: begin..<end)
  }

  private static func checkCoverage(_ entries: [Entry], dataCount: Int, _ url: URL) throws(CheckpointError) {
    var position = 0
    for entry in entries {
      let name = entry.layout.name
      guard entry.range.upperBound <= dataCount else {
        throw CheckpointError(
          url, "the tensor \(name) ends at byte \(entry.range.upperBound) of \(dataCount); download the file again.")
      }
      guard entry.range.lowerBound >= position else {
        throw CheckpointError(url, "the tensor \(name) overlaps the one before it.")
      }
      guard entry.range.lowerBound == position else {
        throw CheckpointError(
          url, "\(entry.range.lowerBound - position) bytes before the tensor \(name) belong to no tensor.")
      }
      position = entry.range.upperBound
    }
    guard position == dataCount else {
      throw CheckpointError(url, "\(dataCount - position) bytes after the last tensor belong to no tensor.")
    }
  }
}
