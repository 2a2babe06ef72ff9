import Foundation
import TestSupport
import Testing
import WalshFormats
import WalshTensor

@testable import WalshCheckpoints

@Suite("Packed linear layers of compressed-tensors")
struct PackedLinearTests {
  /// The layers of a golden folder with their groups.
  private func layers(_ folder: String) throws -> (
    Checkpoint, [(path: String, group: QuantizationConfiguration.Group)]
  ) {
    let checkpoint = try Checkpoint(folder: Golden.url(folder))
    let quantization = try #require(try checkpoint.configuration().quantization())
    let paths = checkpoint.names.filter { $0.hasSuffix(".weight_scale") }.map { String($0.dropLast(13)) }
    #expect(paths.count == 7)
    return (checkpoint, try paths.map { ($0, try #require(quantization.group(for: $0))) })
  }

  @Test("Weights decode to the values of the library, bit for bit", arguments: Golden.folders)
  func decodes(folder: String) throws {
    let decoded = try #require(try JSON.object(in: Golden.url("decoded.json"))[folder])
    let (checkpoint, layers) = try layers(folder)
    for (path, group) in layers {
      var weight = try PackedLinearTensors(path, in: checkpoint, group: group).weight.unpacked()
      if folder.contains("fp4") {
        // The library multiplies in Float32 and rounds small-float weights to bfloat16.
        weight = try StoredTensor(name: "w", weight, as: .bfloat16).tensor()
      }
      let expected = try #require(decoded[path])
      #expect(weight.shape == expected["shape"]?.arrayValue?.compactMap(\.intValue))
      let checksum = String(
        fnv1a(weight.values.flatMap { withUnsafeBytes(of: $0.bitPattern.littleEndian) { [UInt8]($0) } }), radix: 16)
      let padded = String(repeating: "0", count: 16 - checksum.count) + checksum
      #expect(padded == expected["fnv1a"]?.stringValue, "\(path)")
    }
  }

  @Test("Layers that are read are written with the bytes of the library", arguments: Golden.folders)
  func sameBytes(folder: String) throws {
    let (checkpoint, layers) = try layers(folder)
    for (path, group) in layers {
      let linear = try PackedLinearTensors(path, in: checkpoint, group: group)
      let written = linear.tensors(path)
      let stored = checkpoint.names.filter { $0.hasPrefix("\(path).") }
      #expect(Set(written.map(\.name)) == Set(stored))
      for tensor in written {
        let original = try checkpoint.tensor(tensor.name)
        #expect(tensor.layout == original.layout)
        #expect(tensor.copiedBytes == original.copiedBytes, "\(tensor.name)")
      }
      let layout = try #require(LinearLayout(linear.weight.format))
      #expect(layout.format == group.format)
      #expect(layout.arguments == group.weights)
    }
  }

  @Test("Walsh quantizes the source to MXFP4 with the library's bytes")
  func quantizes() throws {
    let source = try Checkpoint(folder: Golden.url("source"))
    let (checkpoint, layers) = try layers("mxfp4")
    for (path, _) in layers {
      let weight = try source.tensor("\(path).weight").tensor()
      for tensor in PackedLinearTensors(Quantizer(format: .mxfp4).pack(weight)).tensors(path) {
        #expect(tensor.copiedBytes == (try checkpoint.tensor(tensor.name)).copiedBytes, "\(tensor.name)")
      }
    }
  }

  @Test(
    "Any format that has a layout survives the way through a file, at odd shapes",
    arguments: [
      NumericFormat.int(2, group: 8), .int(3, group: 16), .int(4, group: 8), .int(8, group: 8), .intPerRow(3),
      .intPerRow(4), .intPerRow(5), .intPerRow(8), .nvfp4(.compressedTensors), .nvfp4OneLevel, .nvfp4Tiles,
      .nvfp4FourOverSix, .mxfp4(.rceil),
      NumericFormat(element: .int(bits: 8), granularity: .row, scale: .bfloat16),
    ])
  func roundTrip(format: NumericFormat) throws {
    let columns = format.granularity == .row ? 37 : 96
    let weight = Tensor(shape: [5, columns]) { p in
      for i in p.indices { p[i] = Float((i * 7919) % 1009 - 504) / 257 }
    }
    let packed = Quantizer(format: format).pack(weight)
    let layout = try #require(LinearLayout(format))
    let inputs = layout.format == .nvfp4 ? QuantizationPreset.nvfp4.inputActivations : nil
    let group = QuantizationConfiguration.Group(
      name: "g", targets: [ModulePattern(exactly: "Linear")], format: layout.format, weights: layout.arguments,
      inputActivations: inputs)
    let linear = PackedLinearTensors(packed, inputGlobalScale: inputs == nil ? nil : 123.5)
    try withTemporaryFolder { folder in
      let declared = layout.tensors("up", rows: 5, columns: columns, withInputScale: inputs != nil)
      let writer = try SafeTensorsWriter(folder.appending(path: "model.safetensors"), tensors: declared)
      for tensor in linear.tensors("up") { try writer.write(tensor) }
      try writer.finish()
      let read = try PackedLinearTensors("up", in: Checkpoint(folder: folder), group: group)
      #expect(read.weight.unpacked() == packed.unpacked())
      #expect(read.weight.codes == packed.codes && read.weight.scales == packed.scales)
      #expect(read.inputGlobalScale == linear.inputGlobalScale)
    }
  }

  @Test("Formats that compressed-tensors cannot store have no layout")
  func noLayout() {
    for format: NumericFormat in [
      .mxfp8, .fp8e4m3, .mxfp4(.staticThreeQuarters), .int(4, group: 32, symmetric: false),
      .intPerRow(8, symmetric: false),
    ] {
      #expect(LinearLayout(format) == nil, "\(format)")
    }
  }

  // MARK: Damage

  /// What to do to the tensors of a golden layer.
  struct Damage: CustomTestStringConvertible, Sendable {
    let folder: String
    let name: String
    let cause: String
    let change: @Sendable (inout [String: StoredTensor]) -> Void
    var testDescription: String { "\(folder): \(name)" }
  }

  private static let path = "model.layers.0.self_attn.k_proj"

  /// Replaces the tensor `suffix` by one with other contents.
  private static func replace(
    _ suffix: String, dtype: DType? = nil, shape: [Int]? = nil, bytes: (@Sendable ([UInt8]) -> [UInt8])? = nil
  ) -> @Sendable (inout [String: StoredTensor]) -> Void {
    { tensors in
      let name = "\(path).\(suffix)"
      guard let old = tensors[name] else { return }
      let layout = TensorLayout(name: name, dtype: dtype ?? old.dtype, shape: shape ?? old.shape)
      var data = bytes?(old.copiedBytes) ?? old.copiedBytes
      data += [UInt8](repeating: 0x40, count: max(0, layout.byteCount - data.count))
      tensors[name] = StoredTensor(
        name: name, dtype: layout.dtype, shape: layout.shape, bytes: Array(data.prefix(layout.byteCount)))
    }
  }

  private static func remove(_ suffix: String) -> @Sendable (inout [String: StoredTensor]) -> Void {
    { $0["\(path).\(suffix)"] = nil }
  }

  private static func add(_ suffix: String) -> @Sendable (inout [String: StoredTensor]) -> Void {
    { $0["\(path).\(suffix)"] = StoredTensor(name: "\(path).\(suffix)", Tensor([1])) }
  }

  private static func float(_ value: Float) -> @Sendable ([UInt8]) -> [UInt8] {
    { _ in withUnsafeBytes(of: value.bitPattern.littleEndian) { [UInt8]($0) } }
  }

  private static func first(_ values: UInt8...) -> @Sendable ([UInt8]) -> [UInt8] {
    { values + $0.dropFirst(values.count) }
  }

  static let damages: [Damage] = [
    Damage(
      folder: "nvfp4", name: "no packed weight", cause: "weight_packed is missing", change: remove("weight_packed")),
    Damage(folder: "nvfp4", name: "no scale", cause: "weight_scale is missing", change: remove("weight_scale")),
    Damage(
      folder: "nvfp4", name: "no global scale", cause: "weight_global_scale is missing",
      change: remove("weight_global_scale")),
    Damage(
      folder: "nvfp4", name: "no input scale", cause: "input_global_scale is missing",
      change: remove("input_global_scale")),
    Damage(folder: "nvfp4", name: "plain weight, too", cause: "k_proj.weight is there, too", change: add("weight")),
    Damage(
      folder: "nvfp4", name: "zero points", cause: "weight_zero_point, which is not", change: add("weight_zero_point")
    ),
    Damage(folder: "w4a16", name: "group index", cause: "weight_g_idx, which is not", change: add("weight_g_idx")),
    Damage(
      folder: "nvfp4", name: "zero global scale", cause: "weight_global_scale is 0.0",
      change: replace("weight_global_scale", bytes: float(0))),
    Damage(
      folder: "nvfp4", name: "negative global scale", cause: "weight_global_scale is -1.0",
      change: replace("weight_global_scale", bytes: float(-1))),
    Damage(
      folder: "nvfp4", name: "NaN global scale", cause: "weight_global_scale is nan",
      change: replace("weight_global_scale", bytes: float(.nan))),
    Damage(
      folder: "nvfp4", name: "infinite input scale", cause: "input_global_scale is inf",
      change: replace("input_global_scale", bytes: float(.infinity))),
    Damage(
      folder: "nvfp4", name: "global scale per row", cause: "not that of one number",
      change: replace("weight_global_scale", shape: [32])),
    Damage(
      folder: "nvfp4", name: "NaN block scale", cause: "weight_scale is NaN for row 0",
      change: replace("weight_scale", bytes: first(0x7F))),
    Damage(
      folder: "nvfp4", name: "negative block scale", cause: "weight_scale is negative for row 1",
      change: replace("weight_scale", bytes: first(1, 1, 1, 1, 0x81))),
    Damage(
      folder: "nvfp4", name: "scales of MXFP4", cause: "weight_scale is U8; nvfp4-pack-quantized needs F8_E4M3",
      change: replace("weight_scale", dtype: .uint8)),
    Damage(
      folder: "nvfp4", name: "too few scales", cause: "has the shape [32, 2]",
      change: replace("weight_scale", shape: [32, 2])),
    Damage(
      folder: "nvfp4", name: "a vector", cause: "not that of a matrix",
      change: replace("weight_packed", shape: [1024])),
    Damage(
      folder: "nvfp4", name: "fewer columns than the scales", cause: "needs [32, 3] here",
      change: replace("weight_packed", shape: [32, 24])),
    Damage(
      folder: "mxfp4", name: "NaN scale", cause: "weight_scale is NaN for row 0",
      change: replace("weight_scale", bytes: first(0xFF))),
    Damage(
      folder: "mxfp4", name: "transposed scales", cause: "needs [32, 2] here",
      change: replace("weight_scale", shape: [2, 32])),
    Damage(
      folder: "w4a16", name: "no shape", cause: "weight_shape is missing", change: remove("weight_shape")),
    Damage(
      folder: "w4a16", name: "lying shape", cause: "weight_shape says [255, 64]",
      change: replace("weight_shape", bytes: first(0xFF))),
    Damage(
      folder: "w4a16", name: "shape near Int64.max", cause: "weight_shape says [32, 9223372036854775807]",
      change: replace(
        "weight_shape", bytes: { $0.prefix(8) + [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F] })),
    Damage(
      folder: "w4a16", name: "negative shape", cause: "weight_shape says [32, -1]",
      change: replace("weight_shape", bytes: { $0.prefix(8) + [UInt8](repeating: 0xFF, count: 8) })),
    Damage(
      folder: "w4a16", name: "NaN scale", cause: "weight_scale holds nan at [0, 0]",
      change: replace("weight_scale", bytes: first(0xC0, 0x7F))),
    Damage(
      folder: "w4a16", name: "zero scale", cause: "weight_scale is 0.0 for row 0, whose weights are not zero",
      change: replace("weight_scale", bytes: first(0, 0))),
    Damage(
      folder: "w4a16", name: "negative scale", cause: "weight_scale is -2.0 for row 0",
      change: replace("weight_scale", bytes: first(0x00, 0xC0))),
    Damage(
      folder: "w3a16", name: "scales per group", cause: "has the shape [16, 2]",
      change: replace("weight_scale", shape: [16, 2])),
    Damage(
      folder: "w8a8", name: "float weight", cause: "weight is BF16; int-quantized needs I8",
      change: replace("weight", dtype: .bfloat16)),
    Damage(
      folder: "w8a8", name: "integer scale", cause: "weight_scale is I16; int-quantized needs BF16 or F16 or F32",
      change: replace("weight_scale", dtype: .int16)),
  ]

  @Test("Damaged layers are refused by a sentence that names the tensor", arguments: damages)
  func damaged(damage: Damage) throws {
    let (golden, layers) = try layers(damage.folder)
    let group = try #require(layers.first { $0.path == Self.path }).group
    var tensors: [String: StoredTensor] = [:]
    for name in golden.names { tensors[name] = try golden.tensor(name) }
    damage.change(&tensors)
    try withTemporaryFolder { folder in
      let writer = try SafeTensorsWriter(
        folder.appending(path: "model.safetensors"), tensors: tensors.values.map(\.layout))
      for tensor in tensors.values { try writer.write(tensor) }
      try writer.finish()
      let checkpoint = try Checkpoint(folder: folder)
      let error = #expect(throws: CheckpointError.self) {
        try PackedLinearTensors(Self.path, in: checkpoint, group: group)
      }
      #expect(error?.cause.contains(damage.cause) == true, "\(error?.description ?? "no error")")
    }
  }

  @Test("Scales of zero are accepted where the weights are zero")
  func zeroRows() throws {
    for format: NumericFormat in [.int(4, group: 32), .intPerRow(8), .nvfp4, .mxfp4] {
      let packed = Quantizer(format: format).pack(.zeros([4, 64]))
      let layout = try #require(LinearLayout(format))
      let group = QuantizationConfiguration.Group(
        name: "g", targets: [ModulePattern(exactly: "Linear")], format: layout.format, weights: layout.arguments)
      try withTemporaryFolder { folder in
        let tensors = PackedLinearTensors(packed).tensors("up")
        let writer = try SafeTensorsWriter(
          folder.appending(path: "model.safetensors"), tensors: tensors.map(\.layout))
        for tensor in tensors { try writer.write(tensor) }
        try writer.finish()
        let read = try PackedLinearTensors("up", in: Checkpoint(folder: folder), group: group)
        #expect(read.weight.unpacked() == .zeros([4, 64]))
      }
    }
  }
}
