import Foundation
import TestSupport
import Testing
import WalshTensor
import WalshTransforms

@testable import WalshCheckpoints

@Suite("Sequences of transforms in a checkpoint")
struct TransformSequenceTests {
  private static let width = 24
  private static let stream = RandomStream(seed: 3, purpose: "test")

  private static func dense(_ n: Int, _ salt: UInt64 = 0) -> DenseTransform {
    Rotation.haar(n, RandomStream(seed: 3 + salt, purpose: "test"))
  }

  /// One of every kind of step, with the parts it becomes.
  static func transforms() throws -> [(any LinearTransform, [TransformScheme.Part])] {
    let diagonal = DiagonalTransform((0..<width).map { 0.5 + Float($0) })
    let permutation = PermutationTransform.random(width, stream: stream)
    let product = KroneckerTransform(left: dense(4), right: dense(6))
    let blocks = BlockDiagonalTransform(blocks: (0..<3).map { dense(8, $0) })
    let hadamard = BlockDiagonalTransform(block: try HadamardTransform(order: 8), count: 3)
    return [
      (diagonal, [.diagonal]),
      (permutation, [.permutation]),
      (product, [.kronecker]),
      (KroneckerTransform(left: IdentityTransform(2), right: try HadamardTransform(order: 12)), [.kronecker]),
      (
        KroneckerTransform(left: try Rotation.randomizedHadamard(2, stream), right: IdentityTransform(12)),
        [.kronecker]
      ),
      (blocks, [.blocks]),
      (BlockDiagonalTransform(blocks: [try HadamardTransform(order: 12), IdentityTransform(12)]), [.blocks]),
      (CompositeTransform([diagonal, hadamard]), [.diagonal, .blocks]),
      (
        CompositeTransform([hadamard, IdentityTransform(width), permutation, blocks]),
        [.blocks, .permutation, .blocks]
      ),
      (CompositeTransform([diagonal, product, permutation]), [.diagonal, .kronecker, .permutation]),
    ]
  }

  /// Writes `tensors` and opens them.
  private func checkpoint(_ tensors: [StoredTensor], in folder: URL) throws -> Checkpoint {
    let sorted = tensors.sorted { $0.dtype.byteCount > $1.dtype.byteCount }
    let writer = try SafeTensorsWriter(folder.appending(path: "model.safetensors"), tensors: sorted.map(\.layout))
    for tensor in sorted { try writer.write(tensor) }
    try writer.finish()
    return try Checkpoint(folder: folder)
  }

  private func scheme(_ form: OnlineTransform.Form) -> TransformScheme {
    TransformScheme(
      name: form.schemeName("R4"), kind: form.kind, blockSize: form.blockSize, parts: form.parts,
      applications: [.init(targets: [ModulePattern(exactly: "down")], location: .input)])
  }

  @Test(
    "Every step, and every sequence of steps, is read back as the same map from fewer numbers than its matrix has")
  func roundTrip() throws {
    let x = Tensor.normal([5, Self.width], from: Self.stream)
    for (transform, parts) in try Self.transforms() {
      let stored = OnlineTransform(transform)
      #expect(stored.form.parts == parts && stored.form.kind == .sequence, "\(transform)")
      let tensors = stored.tensors(named: "R4", at: "down", .input)
      #expect(tensors.reduce(0) { $0 + $1.count } < Self.width * Self.width)
      #expect(tensors.reduce(0) { $0 + $1.byteCount } == OnlineTransform.byteCount(of: transform))
      try withTemporaryFolder { folder in
        let checkpoint = try checkpoint(tensors, in: folder)
        #expect(try OnlineTransform.Form(named: "R4", at: "down", .input, in: checkpoint) == stored.form)
        #expect(try OnlineTransform.Form(named: "R1", at: "down", .input, in: checkpoint) == nil)
        let scheme = scheme(stored.form)
        let read = try scheme.transform(scheme.applications[0], at: "down", width: Self.width, in: checkpoint)
        #expect(x.transformed(by: read).values == x.transformed(by: transform).values, "\(transform)")
        let inverse = try scheme.transform(
          .init(targets: [], location: .input, isInverse: true), at: "down", width: Self.width, in: checkpoint)
        #expect(relativeError(x.transformed(by: read).transformed(by: inverse), x) < 1e-5)
      }
    }
  }

  @Test("What repeats one block, and what a sequence would not shorten, stays a matrix that other runtimes read")
  func matrices() throws {
    let hadamard = try HadamardTransform(order: 8)
    let cases: [(any LinearTransform, TransformScheme.Kind, Int)] = [
      (hadamard, .hadamard, 8),
      (BlockDiagonalTransform(block: hadamard, count: 3), .hadamard, 8),
      (BlockDiagonalTransform(block: try Rotation.randomizedHadamard(8, Self.stream), count: 3), .randomHadamard, 8),
      (BlockDiagonalTransform(block: Self.dense(8), count: 3), .randomMatrix, 8),
      (Self.dense(24), .randomMatrix, 24), (try Rotation.twoBlock(8, Self.stream), .randomMatrix, 8),
    ]
    for (transform, kind, order) in cases {
      let stored = OnlineTransform(transform)
      #expect(stored.form == .init(kind: kind, blockSize: order, parts: []), "\(transform)")
      let tensors = stored.tensors(named: "R4", at: "down", .input)
      #expect(tensors.map(\.shape) == [[order, order]])
      #expect(tensors.map(\.dtype) == [.float32])
      #expect(tensors[0].byteCount == OnlineTransform.byteCount(of: transform))
      #expect(tensors[0].name == "down.R4_\(kind.rawValue.replacing("-", with: "_"))_\(order)_input.weight")
      try withTemporaryFolder { folder in
        let checkpoint = try checkpoint(tensors, in: folder)
        #expect(try OnlineTransform.Form(named: "R4", at: "down", .input, in: checkpoint) == stored.form)
      }
    }
  }

  @Test("A sequence survives the way through JSON, under a type and a key that other readers do not know")
  func json() throws {
    for (transform, _) in try Self.transforms() {
      let scheme = scheme(OnlineTransform(transform).form)
      let object = try #require(scheme.json.objectValue)
      #expect(object["type"] == "walsh-sequence" && object["parts"] != nil)
      let groups = ConfigurationFields(
        ["config_groups": .object([scheme.name: .object(object)])], file: URL(filePath: "/config.json"))
      #expect(try TransformScheme.all(groups) == [scheme])
    }
  }

  @Test(
    "A configuration of an impossible sequence is refused in one sentence",
    arguments: [
      ("\"type\": \"walsh-sequence\"", "must list the steps"),
      ("\"type\": \"walsh-sequence\", \"parts\": []", "must list the steps"),
      (
        "\"type\": \"walsh-sequence\", \"parts\": [\"shear\"]", "holds \"shear\"; supported are diagonal, permutation"
      ),
      ("\"type\": \"hadamard\", \"parts\": [\"blocks\"]", "must list the steps"),
      ("\"type\": \"walsh-sequence\", \"parts\": [\"blocks\"], \"head_dim\": 8", "neither head_dim nor randomize"),
      (
        "\"type\": \"walsh-sequence\", \"parts\": [\"blocks\"], \"randomize\": true", "neither head_dim nor randomize"
      ),
    ])
  func impossible(_ members: String, _ cause: String) throws {
    let json = try JSON(parsing: Array("{\"config_groups\": {\"R4\": {\(members), \"apply\": []}}}".utf8))
    let fields = ConfigurationFields(try #require(json.objectValue), file: URL(filePath: "/config.json"))
    let error = #expect(throws: CheckpointError.self) { try TransformScheme.all(fields) }
    #expect(error?.cause.contains(cause) == true, "\(error?.cause ?? "")")
  }

  /// A damaged tensor of a step and what is said about it.
  struct Damage: CustomTestStringConvertible {
    let part: TransformScheme.Part
    let tensors: [(String, Tensor)]
    var integers: [(String, DType, [Int], [Int])] = []
    let cause: String
    var testDescription: String { "\(part): \(cause)" }
  }

  static let damages: [Damage] = {
    func filled(_ shape: [Int], _ value: Float) -> Tensor { Tensor(shape: shape, repeating: value) }
    let values = (0..<3).flatMap { dense(8, UInt64($0)).matrix().values }
    let wide = Tensor(values, shape: [3, 8, 8])
    var broken = values
    broken[8 * 8 + 9] = .nan
    var singular = values
    for i in 64..<72 { singular[i] = 0 }
    return [
      Damage(part: .diagonal, tensors: [], cause: "0.diagonal is missing"),
      Damage(part: .diagonal, tensors: [("diagonal", filled([23], 1))], cause: "has the shape [23], not [24]"),
      Damage(part: .diagonal, tensors: [("diagonal", filled([24], .nan))], cause: "holds nan at [0]"),
      Damage(part: .diagonal, tensors: [("diagonal", filled([24], .infinity))], cause: "holds inf at [0]"),
      Damage(part: .diagonal, tensors: [("diagonal", filled([24], 0))], cause: "is 0 at [0], so it has no inverse"),
      Damage(part: .permutation, tensors: [], cause: "0.permutation is missing"),
      Damage(
        part: .permutation, tensors: [("permutation", filled([24], 1))], cause: "is F32 [24], not I32 or I64 [24]"),
      Damage(
        part: .permutation, tensors: [], integers: [("permutation", .int32, [8], Array(0..<8))],
        cause: "is I32 [8], not I32 or I64 [24]"),
      Damage(
        part: .permutation, tensors: [], integers: [("permutation", .int32, [24], Array(repeating: 3, count: 24))],
        cause: "is no permutation of 0 to 23"),
      Damage(
        part: .permutation, tensors: [], integers: [("permutation", .int32, [24], Array(1...24))],
        cause: "is no permutation of 0 to 23"),
      Damage(part: .blocks, tensors: [], cause: "0.blocks is missing"),
      Damage(part: .blocks, tensors: [("blocks", filled([8, 8], 1))], cause: "has the shape [8, 8], not [K, n, n]"),
      Damage(part: .blocks, tensors: [("blocks", filled([3, 8, 4], 1))], cause: "[3, 8, 4], not [K, n, n]"),
      Damage(part: .blocks, tensors: [("blocks", filled([0, 8, 8], 1))], cause: "[0, 8, 8], not [K, n, n]"),
      Damage(
        part: .blocks, tensors: [("blocks", Tensor(Array(values[..<128]), shape: [2, 8, 8]))],
        cause: "[2, 8, 8], which does not cover 24 channels"),
      Damage(
        part: .blocks, tensors: [("blocks", Tensor(Array(values[..<25]), shape: [1, 5, 5]))],
        cause: "[1, 5, 5], which does not cover 24 channels"),
      Damage(
        part: .blocks, tensors: [("blocks", Tensor(broken, shape: [3, 8, 8]))], cause: "holds nan at [1, 1, 1]"),
      Damage(
        part: .blocks, tensors: [("blocks", Tensor(singular, shape: [3, 8, 8]))], cause: "at [1] has no inverse"),
      Damage(
        part: .blocks, tensors: [], integers: [("blocks", .int8, [1, 2, 2], [1, 1, 1, 1])],
        cause: "is neither the identity nor a Hadamard matrix"),
      Damage(part: .kronecker, tensors: [("right", .identity(24))], cause: "0.left is missing"),
      Damage(part: .kronecker, tensors: [("left", .identity(4))], cause: "0.right is missing"),
      Damage(
        part: .kronecker, tensors: [("left", wide), ("right", .identity(8))], cause: "[3, 8, 8], not [n, n]"),
      Damage(
        part: .kronecker, tensors: [("left", .identity(4)), ("right", .identity(8))],
        cause: "[8, 8], which with [4, 4] on its left does not make 24 channels"),
      Damage(
        part: .kronecker, tensors: [("left", .identity(4)), ("right", filled([6, 6], .nan))], cause: "holds nan"),
      Damage(
        part: .kronecker, tensors: [("left", .identity(4)), ("right", filled([6, 6], 1))], cause: "has no inverse"),
    ]
  }()

  @Test("A damaged tensor is refused in one sentence that names it", arguments: damages)
  func damaged(_ damage: Damage) throws {
    let form = OnlineTransform.Form(kind: .sequence, blockSize: nil, parts: [damage.part])
    let scheme = scheme(form)
    let prefix = "down.\(scheme.name)_input.0."
    let tensors =
      damage.tensors.map { StoredTensor(name: prefix + $0.0, $0.1) }
      + damage.integers.map { slot, type, shape, values in
        StoredTensor(
          name: prefix + slot, dtype: type, shape: shape,
          bytes: values.flatMap { value in
            (0..<type.byteCount).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
          })
      }
    try withTemporaryFolder { folder in
      let checkpoint = try checkpoint(tensors, in: folder)
      let error = #expect(throws: CheckpointError.self) {
        try scheme.transform(scheme.applications[0], at: "down", width: Self.width, in: checkpoint)
      }
      #expect(error?.cause.contains(damage.cause) == true, "\(error?.cause ?? "")")
      #expect(error?.cause.contains(prefix) == true && error?.cause.contains("\n") == false)
    }
  }
}
