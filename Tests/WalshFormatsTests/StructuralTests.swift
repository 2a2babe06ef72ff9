import TestSupport
import Testing
import WalshTensor

@testable import WalshFormats

@Suite("Number formats, section 5.5: structure")
struct StructuralTests {
  @Test("5.5 quantizing tiles commutes with transposing; groups of a row do not", arguments: [false, true])
  func transposition(fourOverSix: Bool) {
    let scheme: E4M3Scheme = fourOverSix ? .fourOverSixMAE : .transformerEngine
    for x in [GoldenMatrices.g1, GoldenMatrices.g2, Adversary.normal(37, 50)] {
      let tiles = Quantizer(format: .nvfp4(scheme, tiles: true))
      let quantized = tiles.fakeQuantize(Golden.transposed(x))
      if !fourOverSix || x.rowCount == x.columns {
        #expect(bits(Golden.transposed(tiles.fakeQuantize(x))) == bits(quantized))
      }
    }
    let rows = Quantizer(format: .nvfp4)
    let (a, b) = (
      Golden.transposed(rows.fakeQuantize(GoldenMatrices.g1)), rows.fakeQuantize(Golden.transposed(GoldenMatrices.g1))
    )
    let different = zip(a.values, b.values).filter { $0 != $1 }.count
    #expect((Double(different) / 6144 * 100).rounded() == 59)
  }

  @Test("The transpose of packed tiles is what packing the transposed matrix gives; others have none")
  func packedTransposition() {
    let tiles = Quantizer(format: .nvfp4Tiles)
    for (rows, columns) in [(16, 16), (16, 48), (144, 32), (272, 160)] {
      let x = Adversary.normal(rows, columns)
      #expect(tiles.pack(x).transposedTiles == tiles.pack(x.transposed()))
    }
    #expect(tiles.pack(Adversary.normal(16, 40)).transposedTiles == nil)
    #expect(Quantizer(format: .nvfp4).pack(Adversary.normal(16, 16)).transposedTiles == nil)
  }

  @Test("5.5 a compressed-tensors file and a Model-Optimizer file of a matrix decode to the same numbers")
  func reciprocals() {
    let x = Adversary.normal(8, 64)
    let packed = Quantizer(format: .nvfp4).pack(x)
    let global = packed.globalScale ?? 0
    #expect(global == 2688 / x.finiteAmax)
    // A reader of Model-Optimizer takes the reciprocal of weight_scale_2 = amax / 2688.
    let multiplier = x.finiteAmax / 2688
    let read = PackedMatrix(
      format: .nvfp4(.modelOptimizer), rows: 8, columns: 64, codes: packed.codes, scales: packed.scales,
      globalScale: 1 / multiplier)
    #expect(relativeError(read.unpacked(), packed.unpacked()) < 1e-7)
  }

  @Test("3.3 libraries agree on at least 99.5 percent of the codes, the rest adjacent")
  func libraries() {
    let x = Tensor.normal([96, 256], from: RandomStream(seed: 5, purpose: "libraries"))
    let reference = Quantizer(format: .nvfp4).pack(x)
    for scheme in [E4M3Scheme.compressedTensors, .torchao, .modelOptimizer] {
      let other = Quantizer(format: .nvfp4(scheme)).pack(x)
      #expect(other.globalScale.map { abs($0 / (2688 / x.finiteAmax) - 1) < 1e-6 } == true)
      var different = 0
      for row in 0..<96 {
        for (a, b) in zip(reference.codes(ofRow: row), other.codes(ofRow: row)) where a != b {
          different += 1
          #expect(abs(Int(a & 7) - Int(b & 7)) <= 1)
        }
      }
      #expect(Double(different) <= 0.005 * 96 * 256)
    }
  }

  @Test("interop 2.2 compressed-tensors replaces a zero scale by 0.125")
  func zeroScale() {
    let x = Tensor([Float](repeating: 0, count: 16) + [Float](repeating: 1, count: 16), shape: [1, 32])
    #expect(Quantizer(format: .nvfp4(.compressedTensors)).pack(x).scales == [0x20, 0x7E])
    #expect(Quantizer(format: .nvfp4(.modelOptimizer)).pack(x).scales == [0x38, 0x7E])
    #expect(Quantizer(format: .nvfp4(.torchao)).pack(x).scales == [0x08, 0x7E])
    #expect(Quantizer(format: .nvfp4).pack(x).scales == [0x00, 0x7E])
  }

  @Test("interop 2.2 the exponents of EVEN")
  func evenExponents() {
    let cases: [(Float, Int)] = [(1, -2), (1.74, -2), (1.75, -1), (3.4, -1), (3.5, 0), (6, 0), (7, 1)]
    for (amax, exponent) in cases {
      #expect(Int(E8M0Rule.even.byte(amax: amax, element: .e2m1) { 0 }) - 127 == exponent)
    }
  }

  @Test("3.8 a shared amax gives fused projections one tensor scale")
  func sharedScale() {
    let (q, k) = (Adversary.normal(4, 32, seed: 1), Adversary.normal(4, 32, seed: 8))
    let amax = max(q.finiteAmax, k.finiteAmax)
    let quantizer = Quantizer(format: .nvfp4)
    let packed = [q, k].map { quantizer.pack($0, amax: amax) }
    #expect(packed[0].globalScale == packed[1].globalScale)
    let fused = Tensor(q.values + k.values, shape: [8, 32])
    let together = quantizer.pack(fused)
    #expect(together.codes == packed[0].codes + packed[1].codes)
    #expect(together.scales == packed[0].scales + packed[1].scales)
  }

  @Test(
    "5.5 zeros, one element, equal elements, tiny and huge tensors decode to something sensible",
    arguments: Formats.presets)
  func specials(format: NumericFormat) {
    let quantizer = Quantizer(format: format)
    let zero = quantizer.fakeQuantize(.zeros([20, 40]))
    #expect(zero.values.allSatisfy { $0 == 0 })

    var single = Tensor.zeros([20, 40])
    single[7, 21] = 3
    let y = quantizer.fakeQuantize(single)
    #expect(y.values.enumerated().allSatisfy { $0 == 7 * 40 + 21 || $1 == 0 })
    // Within a quarter for four bits and more; STD CLIP divides by the deviation, which a lone element keeps small.
    if format.scale != .e8m0(.stdClip), format.element.bits >= 3 { #expect(abs(y[7, 21] - 3) <= 0.75) }

    for value in [0x1p-133, 1e-30, 1, -2, 3e38] as [Float] {
      let x = Tensor(shape: [20, 40], repeating: value)
      let y = quantizer.fakeQuantize(x).values
      #expect(y.allSatisfy { !$0.isNaN && ($0 == 0 || ($0 < 0) == (value < 0)) })
      #expect(Set(y.map(\.bitPattern)).count == 1 || format.scale == .e8m0(.stdClip))
    }
  }

  @Test("3.5 NaN and infinity spoil their own group and nothing else", arguments: Formats.presets)
  func nonFinite(format: NumericFormat) {
    let quantizer = Quantizer(format: format)
    for bad in [Float.nan, .infinity, -.infinity] {
      var x = Adversary.normal(20, 80)
      let clean = quantizer.fakeQuantize(x)
      let amax = x.finiteAmax
      x[3, 17] = bad
      let y = quantizer.fakeQuantize(x, amax: format.isTwoLevel ? amax : nil)
      let packed = quantizer.pack(x, amax: format.isTwoLevel ? amax : nil)
      let size = format.groupSize(columns: 80)
      for row in 0..<20 {
        for column in 0..<80 {
          let sameRows = format.granularity == .tensor || (format.granularity == .tile16 ? row < 16 : row == 3)
          if sameRows && column / size == 17 / size {
            #expect(y[row, column].isNaN)
          } else {
            #expect(y[row, column] == clean[row, column])
          }
        }
      }
      switch format.scale {
      case .e8m0: #expect(packed.scales[3 * format.groupsPerRow(columns: 80) + 17 / size] == 255)
      case .e4m3: #expect(packed.scales[3 * 5 + 1] == 0x7F)
      default: break
      }
    }
  }

  @Test("one level: small blocks flush to zero, large ones saturate")
  func oneLevel() {
    let quantizer = Quantizer(format: .nvfp4OneLevel)
    let x = Tensor([Float](repeating: 0.0058, count: 16) + [Float](repeating: 3000, count: 16), shape: [1, 32])
    let packed = quantizer.pack(x)
    #expect(packed.scales == [0, 0x7E] && packed.globalScale == nil)
    #expect(packed.unpacked().values == [Float](repeating: 0, count: 16) + [Float](repeating: 2688, count: 16))
  }

  @Test("MX: doubling the data doubles the result", arguments: E8M0Rule.allCases.filter { $0 != .stdClip })
  func equivariance(rule: E8M0Rule) {
    let x = Adversary.normal(9, 70)
    let doubled = Tensor(x.values.map { $0 * 8 }, shape: x.shape)
    let quantizer = Quantizer(format: .mxfp4(rule))
    #expect(quantizer.fakeQuantize(doubled).values == quantizer.fakeQuantize(x).values.map { $0 * 8 })
  }
}
