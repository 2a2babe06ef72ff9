import Foundation
import TestSupport
import Testing
import WalshTensor

@testable import WalshCheckpoints

@Suite("Writing safetensors")
struct SafeTensorsWriterTests {
  @Test("A file read and written again has the bytes of the reference library", arguments: Golden.files)
  func sameBytes(path: String) throws {
    let file = try SafeTensorsFile(Golden.url(path))
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "copy.safetensors")
      // Declared and written in an order that is not that of the file.
      let tensors = file.tensors.sorted { $0.name > $1.name }
      let writer = try SafeTensorsWriter(url, tensors: tensors.map(\.layout))
      for tensor in tensors.reversed() { try writer.write(tensor) }
      try writer.finish()
      #expect([UInt8](try Data(contentsOf: url)) == (try Golden.bytes(path)))
    }
  }

  @Test("The header ends on a multiple of 8 and every tensor is aligned to its elements")
  func alignment() throws {
    for length in 1...9 {
      let layouts = [
        TensorLayout(name: String(repeating: "x", count: length), dtype: .uint8, shape: [3]),
        TensorLayout(name: "a", dtype: .float64, shape: [1]), TensorLayout(name: "b", dtype: .bfloat16, shape: [5]),
      ]
      let header = SafeTensorsHeader(layouts, metadata: [("format", "pt")])
      #expect(header.encoded.count % 8 == 0)
      #expect(header.encoded.count == header.dataStart)
      for entry in header.entries { #expect(entry.range.lowerBound % entry.layout.dtype.byteCount == 0) }
    }
  }

  @Test("The file appears only when it is finished, and replaces the former one as a whole")
  func atomic() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "model.safetensors")
      try Data("former".utf8).write(to: url)
      let tensor = StoredTensor(name: "w", Tensor([1, 2, 3]), as: .float16)
      let writer = try SafeTensorsWriter(url, tensors: [tensor.layout])
      try writer.write(tensor)
      #expect(try Data(contentsOf: url) == Data("former".utf8))
      try writer.finish()
      #expect(try SafeTensorsFile(url).tensors[0].tensor().values == [1, 2, 3])
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["model.safetensors"])
    }
  }

  @Test("A writer that is dropped leaves nothing behind")
  func dropped() throws {
    try withTemporaryFolder { folder in
      let tensor = StoredTensor(name: "w", Tensor([1, 2, 3]))
      do {
        let writer = try SafeTensorsWriter(folder.appending(path: "model.safetensors"), tensors: [tensor.layout])
        try writer.write(tensor)
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }
  }

  @Test("A folder that is not there is an error, not a crash")
  func noFolder() throws {
    let url = URL(filePath: "/no/such/folder/model.safetensors")
    let error = #expect(throws: CheckpointError.self) { try SafeTensorsWriter(url, tensors: []) }
    #expect(
      error?.description == "/no/such/folder/model.safetensors: it cannot be created: No such file or directory.")
  }
}
