import Foundation
import TestSupport
import Testing
import WalshTensor
import WalshTransforms

@testable import WalshCheckpoints

@Suite("Online transforms of compressed-tensors")
struct StoredTransformsTests {
  private static func schemes() throws -> [TransformScheme] {
    let url = Golden.url("transforms/config.json")
    return try TransformScheme.all(ConfigurationFields(JSON.object(in: url), file: url))
  }

  private let checkpoint: Checkpoint

  init() throws { checkpoint = try Checkpoint(folder: Golden.url("transforms")) }

  @Test("Every kind acts on inputs as the library makes it act, forward and inverse")
  func acts() throws {
    let schemes = try Self.schemes()
    #expect(schemes.count == 10)
    for scheme in schemes {
      let use = scheme.applications[0]
      #expect(use.isInverse == scheme.name.hasSuffix("-inverse"))
      let x = try checkpoint.tensor("\(scheme.name).x").tensor()
      let y = try checkpoint.tensor("\(scheme.name).y").tensor()
      let transform = try scheme.transform(use, at: "layer", width: x.columns, in: checkpoint)
      #expect(relativeError(x.transformed(by: transform), y) < 1e-6, "\(scheme.name)")
    }
  }

  @Test("A matrix that is read is written with the same bytes")
  func writes() throws {
    for scheme in try Self.schemes() where !scheme.isRandomized {
      let use = scheme.applications[0]
      let stored = try checkpoint.tensor(scheme.tensorName("layer", .input))
      let order = stored.shape[0]
      let block = try scheme.transform(use, at: "layer", width: order, in: checkpoint)
      let written = scheme.tensor(use, at: "layer", acting: block)
      #expect(written.layout == stored.layout)
      #expect(written.copiedBytes == stored.copiedBytes, "\(scheme.name)")
    }
  }

  @Test("The configuration is written as it was read")
  func json() throws {
    for scheme in try Self.schemes() {
      let fields = ConfigurationFields(try #require(scheme.json.objectValue), file: URL(filePath: "/config.json"))
      let groups = ConfigurationFields(
        ["config_groups": .object([scheme.name: .object(fields.object)])], file: URL(filePath: "/config.json"))
      #expect(try TransformScheme.all(groups) == [scheme])
    }
  }

  @Test("A plain Hadamard matrix may be missing: its order says everything")
  func missing() throws {
    let scheme = TransformScheme(
      name: "other", kind: .hadamard, blockSize: 16,
      applications: [.init(targets: [ModulePattern(exactly: "layer")], location: .input)])
    let transform = try scheme.transform(scheme.applications[0], at: "layer", width: 32, in: checkpoint)
    let x = try checkpoint.tensor("hadamard.x").tensor()
    #expect(relativeError(x.transformed(by: transform), try checkpoint.tensor("hadamard.y").tensor()) < 1e-6)
  }

  @Test("Missing, misshapen and non-orthogonal matrices are refused by name")
  func refused() throws {
    func cause(_ kind: TransformScheme.Kind, _ matrix: Tensor?, width: Int = 4, block: Int? = nil) throws -> String {
      try withTemporaryFolder { folder in
        let scheme = TransformScheme(
          name: "R4", kind: kind, blockSize: block,
          applications: [.init(targets: [ModulePattern(exactly: "Linear")], location: .input)])
        let tensors = matrix.map { [StoredTensor(name: scheme.tensorName("down", .input), $0)] } ?? []
        let writer = try SafeTensorsWriter(
          folder.appending(path: "model.safetensors"), tensors: tensors.map(\.layout))
        for tensor in tensors { try writer.write(tensor) }
        try writer.finish()
        let checkpoint = try Checkpoint(folder: folder)
        let error = #expect(throws: CheckpointError.self) {
          try scheme.transform(scheme.applications[0], at: "down", width: width, in: checkpoint)
        }
        return error?.cause ?? ""
      }
    }
    #expect(try cause(.randomHadamard, nil).contains("down.R4_input.weight is missing"))
    #expect(try cause(.randomHadamard, .identity(8)).contains("has the shape [8, 8], not [4, 4]"))
    #expect(try cause(.randomHadamard, .identity(4)).contains("no Hadamard matrix"))
    #expect(try cause(.randomHadamard, Tensor(shape: [4, 4], repeating: 1)).contains("no Hadamard matrix"))
    #expect(try cause(.randomHadamard, Tensor(shape: [4, 4], repeating: .nan)).contains("holds nan at [0, 0]"))
    #expect(try cause(.randomMatrix, Tensor(shape: [4, 4], repeating: 1)).contains("has no inverse"))
    #expect(try cause(.hadamard, nil, width: 12).contains("needs a power of two, not 12"))
    #expect(try cause(.hadamard, nil, width: 12, block: 8).contains("do not divide"))
  }
}
