import Foundation
import TestSupport
import Testing

@testable import WalshCheckpoints

/// A file that no reader may accept.
struct HostileFile: CustomTestStringConvertible, Sendable {
  let name: String
  let header: String
  var data = 0
  var length: UInt64?
  let cause: String

  var testDescription: String { name }

  static func entry(_ fields: String) -> String { "{\"w\":{\(fields)}}" }

  static let all: [HostileFile] = [
    HostileFile(name: "length beyond the file", header: "{}", length: 3, cause: "claims 3 bytes, but only 2"),
    HostileFile(name: "length near UInt64.max", header: "{}", length: .max, cause: "claims 18446744073709551615"),
    HostileFile(
      name: "length whose sum with 8 overflows", header: "{}", length: .max - 7, cause: "more than the 100 MB"),
    HostileFile(name: "length of Int64.max", header: "{}", length: 1 << 63 - 1, cause: "more than the 100 MB"),
    HostileFile(name: "length above 100 MB", header: "{}", length: 100_000_001, cause: "more than the 100 MB"),
    HostileFile(name: "no header at all", header: "", cause: "not JSON"),
    HostileFile(name: "header is no JSON", header: "hello", cause: "not JSON"),
    HostileFile(name: "header is an array", header: "[]", cause: "an array, not a JSON object"),
    HostileFile(name: "header is cut off", header: "{\"w\":{\"dtype\":\"F32\"", cause: "not JSON"),
    HostileFile(name: "header holds NaN", header: "{\"w\":NaN}", cause: "not JSON"),
    HostileFile(
      name: "nested too deep", header: String(repeating: "[", count: 5000), cause: "not JSON"),
    HostileFile(
      name: "name occurs twice",
      header:
        #"{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#,
      data: 1, cause: "occurs twice"),
    HostileFile(
      name: "name occurs in two spellings",
      header: "{\"\u{e9}\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
        + "\"e\u{301}\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
      cause: "in two Unicode spellings"),
    HostileFile(name: "metadata is a list", header: #"{"__metadata__":[]}"#, cause: "__metadata__ is an array"),
    HostileFile(
      name: "metadata holds a number", header: #"{"__metadata__":{"a":1}}"#, cause: "__metadata__ entry a is a number"
    ),
    HostileFile(name: "entry is a list", header: #"{"w":[]}"#, cause: "described by an array"),
    HostileFile(name: "no dtype", header: entry(#""shape":[],"data_offsets":[0,0]"#), cause: "w has no dtype"),
    HostileFile(
      name: "dtype is a number", header: entry(#""dtype":7,"shape":[],"data_offsets":[0,0]"#), cause: "w has no dtype"
    ),
    HostileFile(
      name: "unknown dtype", header: entry(#""dtype":"F4","shape":[2],"data_offsets":[0,1]"#), data: 1,
      cause: "unknown dtype F4"),
    HostileFile(
      name: "no shape", header: entry(#""dtype":"U8","data_offsets":[0,1]"#), data: 1, cause: "w has no shape"),
    HostileFile(
      name: "negative extent", header: entry(#""dtype":"U8","shape":[-1],"data_offsets":[0,1]"#), data: 1,
      cause: "not all whole numbers"),
    HostileFile(
      name: "fractional extent", header: entry(#""dtype":"U8","shape":[0.5],"data_offsets":[0,1]"#), data: 1,
      cause: "not all whole numbers"),
    HostileFile(
      name: "extent above Int.max",
      header: entry(#""dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,1]"#),
      data: 1, cause: "not all whole numbers"),
    HostileFile(
      name: "product of extents overflows",
      header: entry(#""dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]"#), cause: "too large"),
    HostileFile(
      name: "product of extents and element size overflows",
      header: entry(#""dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]"#), cause: "too large"),
    HostileFile(
      name: "zero hides an overflow",
      header: entry(#""dtype":"F32","shape":[0,9223372036854775807,9223372036854775807],"data_offsets":[0,0]"#),
      cause: "too large"),
    HostileFile(
      name: "no offsets", header: entry(#""dtype":"U8","shape":[1]"#), data: 1, cause: "no data_offsets of two"),
    HostileFile(
      name: "one offset", header: entry(#""dtype":"U8","shape":[1],"data_offsets":[0]"#), data: 1,
      cause: "no data_offsets of two"),
    HostileFile(
      name: "three offsets", header: entry(#""dtype":"U8","shape":[1],"data_offsets":[0,1,2]"#), data: 1,
      cause: "no data_offsets of two"),
    HostileFile(
      name: "negative offset", header: entry(#""dtype":"U8","shape":[1],"data_offsets":[-1,0]"#), data: 1,
      cause: "no data_offsets of two"),
    HostileFile(
      name: "offsets near UInt64.max",
      header: entry(#""dtype":"U8","shape":[1],"data_offsets":[18446744073709551614,18446744073709551615]"#), data: 1,
      cause: "no data_offsets of two"),
    HostileFile(
      name: "offsets near Int64.max",
      header: entry(#""dtype":"U8","shape":[1],"data_offsets":[9223372036854775806,9223372036854775807]"#), data: 1,
      cause: "ends at byte 9223372036854775807 of 1"),
    HostileFile(
      name: "ends before it begins", header: entry(#""dtype":"U8","shape":[1],"data_offsets":[1,0]"#), data: 1,
      cause: "before it begins"),
    HostileFile(
      name: "shape needs fewer bytes", header: entry(#""dtype":"F32","shape":[1],"data_offsets":[0,8]"#), data: 8,
      cause: "has 8 bytes, but F32 of shape [1] needs 4"),
    HostileFile(
      name: "shape needs more bytes", header: entry(#""dtype":"F32","shape":[3],"data_offsets":[0,8]"#), data: 8,
      cause: "needs 12"),
    HostileFile(
      name: "data is cut off", header: entry(#""dtype":"F32","shape":[2],"data_offsets":[0,8]"#), data: 7,
      cause: "ends at byte 8 of 7"),
    HostileFile(
      name: "bytes after the data", header: entry(#""dtype":"U8","shape":[1],"data_offsets":[0,1]"#), data: 3,
      cause: "2 bytes after the last tensor"),
    HostileFile(name: "data without tensors", header: "{}", data: 1, cause: "1 bytes after the last tensor"),
    HostileFile(
      name: "hole before the first", header: entry(#""dtype":"U8","shape":[1],"data_offsets":[1,2]"#), data: 2,
      cause: "1 bytes before the tensor w"),
    HostileFile(
      name: "hole between two",
      header:
        #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}"#,
      data: 3, cause: "1 bytes before the tensor b"),
    HostileFile(
      name: "overlap",
      header:
        #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#,
      data: 3, cause: "b overlaps"),
    HostileFile(
      name: "two tensors share all bytes",
      header:
        #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#,
      data: 2, cause: "overlaps"),
  ]
}

@Suite("Hostile safetensors files")
struct HostileSafeTensorsTests {
  @Test("Each is refused by a sentence that names the file and the cause", arguments: HostileFile.all)
  func refused(file: HostileFile) throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "hostile.safetensors")
      try writeSafeTensors(file.header, data: [UInt8](repeating: 0, count: file.data), length: file.length, to: url)
      let error = #expect(throws: CheckpointError.self) { try SafeTensorsFile(url) }
      #expect(error?.subject.hasSuffix("hostile.safetensors") == true)
      #expect(error?.cause.contains(file.cause) == true, "\(error?.description ?? "no error")")
      #expect(error?.description.contains("\n") == false)
    }
  }

  @Test("Every prefix of a good file is refused")
  func truncated() throws {
    let whole = try Golden.bytes("dtypes.safetensors")
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "cut.safetensors")
      for count in stride(from: 0, to: whole.count, by: 7) {
        try Data(whole.prefix(count)).write(to: url)
        #expect(throws: CheckpointError.self) { try SafeTensorsFile(url) }
      }
    }
  }

  @Test("A flipped header byte gives an error or a file whose tensors stay inside it")
  func flipped() throws {
    let whole = try Golden.bytes("shapes.safetensors")
    let end = 8 + Int(whole[0]) + Int(whole[1]) * 256
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "flipped.safetensors")
      var refusals = 0
      for position in 0..<end {
        for mask: UInt8 in [0x01, 0x10, 0x80] {
          var bytes = whole
          bytes[position] ^= mask
          try Data(bytes).write(to: url)
          do {
            let file = try SafeTensorsFile(url)
            #expect(file.tensors.reduce(0) { $0 + $1.copiedBytes.count } <= whole.count)
          } catch is CheckpointError {
            refusals += 1
          }
        }
      }
      #expect(refusals > end)
    }
  }
}
