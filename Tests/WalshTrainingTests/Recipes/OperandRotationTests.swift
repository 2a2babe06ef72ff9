import TestSupport
import Testing
import WalshFormats
import WalshTensor

@testable import WalshTraining

@Suite("NVFP4 recipe 2.3: the random Hadamard transform of operands")
struct OperandRotationTests {
  private let key = OperandKey(layer: RecipeFixtures.layer(), product: "weight gradient", side: "left")

  @Test("the check values of the specification")
  func checkValues() {
    let ramp = Tensor((1...16).map(Float.init), shape: [1, 16])
    #expect(
      OperandRotation.nvidia.rotate(ramp, key: key).values == [
        -15.5, -7.5, 7.5, -0.5, 7.5, -0.5, -15.5, 8.5, 8.5, 16.5, 1.5, 1.5, 1.5, -2.5, 10.5, -17.5,
      ])
    #expect(
      OperandRotation(size: 16).rotate(ramp, key: key).values == [
        34, -2, -4, 0, -8, 0, 0, 0, -16, 0, 0, 0, 0, 0, 0, 0,
      ])
    var unit = Tensor.zeros([1, 16])
    unit[0, 3] = 16
    #expect(
      OperandRotation.nvidia.rotate(unit, key: key).values == [
        -4, 4, 4, -4, -4, 4, 4, -4, -4, 4, 4, -4, -4, 4, 4, -4,
      ])
  }

  @Test("the sign vector 0xD7E8, element 0 lowest")
  func signMask() {
    #expect(OperandRotation.nvidia.signs(key: key) == [1, 1, 1, -1, 1, -1, -1, -1, -1, -1, -1, 1, -1, 1, -1, -1])
  }

  @Test("number formats 5.4: both rows of the RHT, the transposed one as the weight gradient prepares it")
  func checksums() throws {
    let weightGradient = NVFP4Configuration().products.weightGradient.right
    let expected = [
      (
        GoldenMatrices.g1, "6343a7500c0543f3", "c2927ab13b885076", ["8f3174ebc3012d3f", "d81cbca7977a74d9"]
      ),
      (
        GoldenMatrices.g2, "fb6a5c8897e91877", "5dd351e6baaa104f", ["4642346927b74149", "3e63f46900fcffce"]
      ),
    ]
    for (matrix, rotatedSum, codeSum, transposedSums) in expected {
      let rotated = OperandRotation.nvidia.rotate(matrix, key: key)
      #expect(
        checksum(rotated.values.flatMap { x in (0..<4).map { UInt8(x.bitPattern >> (8 * $0) & 255) } }) == rotatedSum)
      #expect(try checksum(#require(weightGradient.prepare(matrix, key: key).codes).codes) == codeSum)
      #expect(try #require(weightGradient.prepare(matrix.transposed(), key: key).codes).checksums == transposedSums)
    }
  }

  /// R of a rotation in Float64, with entries ±1/√size.
  private func matrix(_ rotation: OperandRotation, _ n: Int, key: OperandKey) -> Matrix {
    var m = Matrix(rotation.rotate(.identity(n), key: key))
    for i in m.values.indices where m.values[i] != 0 {
      m.values[i] = (m.values[i] > 0 ? 1 : -1) / Double(rotation.size).squareRoot()
    }
    return m
  }

  @Test(
    "rotating both operands leaves the product alone, in Float64",
    arguments: [
      OperandRotation.nvidia, OperandRotation(size: 32), OperandRotation(size: 64, signs: .freshEveryStep),
      OperandRotation(size: 128, signs: .freshEveryRun),
    ])
  func invariance(rotation: OperandRotation) {
    let (e, x) = (RecipeFixtures.normal(5, 128, "e"), RecipeFixtures.normal(7, 128, "x"))
    let r = matrix(rotation, 128, key: key)
    let exact = Matrix(e) * Matrix(x).transposed
    let rotated = (Matrix(e) * r) * (Matrix(x) * r).transposed
    #expect(relativeError(rotated.values, exact.values) < 1e-12)
    // The control: other signs on one operand.
    if rotation.size <= 64 {
      let other = matrix(OperandRotation(size: rotation.size, signs: .mask(2)), 128, key: key)
      #expect(relativeError(((Matrix(e) * other) * (Matrix(x) * r).transposed).values, exact.values) > 0.1)
    }
  }

  @Test("2.3 zeros fill 17 tokens up to 32 and 33 up to 64 and change nothing", arguments: [(17, 16), (33, 32)])
  func padding(tokens: Int, size: Int) {
    let (e, x) = (RecipeFixtures.normal(5, tokens, "e"), RecipeFixtures.normal(7, tokens, "x"))
    let rotation = OperandRotation(size: size, signs: .mask(0xD7E8))
    let (a, b) = (rotation.rotate(e, key: key), rotation.rotate(x, key: key))
    #expect(a.columns == (tokens + size - 1) / size * size)
    #expect(relativeError(RecipeFixtures.product(a, b), RecipeFixtures.product(e, x)) < 1e-6)
  }

  @Test("signs that are fresh every step differ between steps, layers and products, and are shared by both operands")
  func freshSigns() {
    let fresh = OperandRotation(size: 64, signs: .freshEveryStep)
    let once = OperandRotation(size: 64, signs: .freshEveryRun)
    func key(_ side: String, step: Int = 0, path: String = "a", product: String = "forward") -> OperandKey {
      OperandKey(layer: RecipeFixtures.layer(path, step: step), product: product, side: side)
    }
    #expect(fresh.signs(key: key("left")) == fresh.signs(key: key("right")))
    #expect(fresh.signs(key: key("left")) != fresh.signs(key: key("left", step: 1)))
    #expect(fresh.signs(key: key("left")) != fresh.signs(key: key("left", path: "b")))
    #expect(fresh.signs(key: key("left")) != fresh.signs(key: key("left", product: "input gradient")))
    #expect(once.signs(key: key("left")) == once.signs(key: key("right", step: 9)))
    #expect(once.signs(key: key("left")) != fresh.signs(key: key("left")))
  }
}
