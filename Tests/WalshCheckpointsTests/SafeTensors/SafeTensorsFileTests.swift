import Foundation
import TestSupport
import Testing
import WalshTensor

@testable import WalshCheckpoints

@Suite("Reading safetensors")
struct SafeTensorsFileTests {
  @Test("Every dtype is read with its name, shape and bytes")
  func everyType() throws {
    let file = try SafeTensorsFile(Golden.url("dtypes.safetensors"))
    #expect(file.tensors.count == DType.allCases.count)
    #expect(file.metadata.map(\.key) == ["format"])
    #expect(file.metadata.map(\.value) == ["pt"])
    for dtype in DType.allCases {
      let tensor = try #require(file.tensors.first { $0.name.hasSuffix(".\(dtype.rawValue)") })
      #expect(tensor.dtype == dtype)
      #expect(tensor.shape == [2, 3])
      let expected = (0..<6 * dtype.byteCount).map { UInt8($0 % (dtype == .bool ? 2 : 64)) }
      #expect(tensor.copiedBytes == expected)
    }
  }

  @Test("Empty tensors, scalars and names with escapes are read")
  func shapes() throws {
    let file = try SafeTensorsFile(Golden.url("shapes.safetensors"))
    let tensors = Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0) })
    #expect(tensors["empty"]?.shape == [0, 4])
    #expect(try tensors["empty"]?.tensor(checkingFinite: true).count == 0)
    #expect(tensors["scalar"]?.shape == [])
    #expect(try tensors["scalar"]?.tensor().values == [2.5])
    #expect(try tensors["a \"quoted\"\\name\té"]?.tensor().values == [1])
  }

  @Test("Halves, bfloat16 and doubles become the Float32 values that torch gives", arguments: ["f16", "bf16", "f64"])
  func floats(name: String) throws {
    let file = try SafeTensorsFile(Golden.url("floats.safetensors"))
    let tensor = try #require(file.tensors.first { $0.name == name }).tensor()
    let expected = try #require(file.tensors.first { $0.name == "\(name).expected" }).tensor()
    #expect(tensor.values.map(\.bitPattern) == expected.values.map(\.bitPattern))
  }

  @Test("A tensor of integers is refused as floating-point numbers, by name")
  func integers() throws {
    let file = try SafeTensorsFile(Golden.url("dtypes.safetensors"))
    let tensor = try #require(file.tensors.first { $0.dtype == .int32 })
    let error = #expect(throws: CheckpointError.self) { try tensor.tensor() }
    #expect(error?.description.contains("\(tensor.name) holds I32 elements") == true)
    #expect(error?.description.contains("dtypes.safetensors") == true)
  }

  @Test(
    "The first value that is not finite is named with its position", arguments: [DType.float32, .float16, .bfloat16])
  func notFinite(dtype: DType) throws {
    for (value, word) in [(Float.nan, "nan"), (.infinity, "inf"), (-.infinity, "-inf")] {
      var values = [Float](repeating: 1, count: 2 * 3 * 700)
      values[3 * 700 + 700 + 41] = value
      values[3 * 700 + 700 + 42] = .nan
      let stored = StoredTensor(name: "layer.weight", Tensor(values, shape: [2, 3, 700]), as: dtype)
      _ = try stored.tensor()
      let error = #expect(throws: CheckpointError.self) { try stored.tensor(checkingFinite: true) }
      #expect(error?.cause.contains("layer.weight holds \(word) at [1, 1, 41]") == true)
    }
    let finite = StoredTensor(name: "w", Tensor([1, -3.0e38, .leastNonzeroMagnitude]), as: .float32)
    #expect(try finite.tensor(checkingFinite: true).count == 3)
  }

  @Test("Released bytes are read again")
  func release() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "big.safetensors")
      let stored = StoredTensor(
        name: "w",
        Tensor(shape: [300, 1000]) { p in
          for i in p.indices { p[i] = Float(i) }
        })
      let writer = try SafeTensorsWriter(url, tensors: [stored.layout])
      try writer.write(stored)
      try writer.finish()
      let tensor = try SafeTensorsFile(url).tensors[0]
      let before = try tensor.tensor()
      tensor.release()
      #expect(try tensor.tensor() == before)
      #expect(before.values[299_999] == 299_999)
    }
  }

  #if os(Linux)
    /// The file pages of this process that are in memory, in bytes.
    private func residentFileBytes() throws -> Int {
      let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
      return try #require(Int(fields[2])) * Int(getpagesize())
    }

    @Test("Released bytes leave the memory of the process")
    func releaseShrinks() throws {
      try withTemporaryFolder { folder in
        let url = folder.appending(path: "big.safetensors")
        let size = 96 << 20
        let tensor = StoredTensor(
          name: "w", dtype: .uint8, shape: [size], bytes: [UInt8](repeating: 1, count: size))
        let writer = try SafeTensorsWriter(url, tensors: [tensor.layout])
        try writer.write(tensor)
        try writer.finish()
        let mapped = try SafeTensorsFile(url).tensors[0]
        // Other tests run beside this one, so only half of the size must show.
        let before = try residentFileBytes()
        let sum = mapped.withUnsafeBytes { bytes in
          stride(from: 0, to: size, by: 4096).reduce(0) { $0 + Int(bytes[$1]) }
        }
        let touched = try residentFileBytes()
        mapped.release()
        let released = try residentFileBytes()
        #expect(sum == size / 4096)
        #expect(touched - before > size / 2)
        #expect(touched - released > size / 2)
      }
    }
  #endif

  @Test("A missing file, a folder and an empty file are refused by name")
  func noFile() throws {
    try withTemporaryFolder { folder in
      let missing = folder.appending(path: "none.safetensors")
      let error = #expect(throws: CheckpointError.self) { try SafeTensorsFile(missing) }
      #expect(error?.description.contains("none.safetensors: it cannot be opened: No such file") == true)
      #expect(throws: CheckpointError.self) { try SafeTensorsFile(folder) }
      let empty = folder.appending(path: "empty.safetensors")
      try Data().write(to: empty)
      let tooShort = #expect(throws: CheckpointError.self) { try SafeTensorsFile(empty) }
      #expect(tooShort?.cause.contains("0 bytes") == true)
    }
  }
}
