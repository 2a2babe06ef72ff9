import Testing
import WalshTensor

@testable import WalshFormats

@Suite("Number formats, section 4: reference figures on Gaussian data")
struct ReferenceFigureTests {
  static let x = Tensor.normal([256, 1024], from: RandomStream(seed: 21, purpose: "figures"))

  /// The mean squared error of rounding `x`.
  private func error(
    _ format: NumericFormat, rounding: Rounding = .nearestEven, search: ScaleSearch = .minMax
  ) -> Double {
    let y = Quantizer(format: format, rounding: rounding, search: search).fakeQuantize(Self.x)
    return zip(Self.x.values, y.values).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
      / Double(Self.x.count)
  }

  @Test(
    "4. mean squared errors, within 10 percent",
    arguments: [
      (.mxfp4(.floor), 0.0132), (.mxfp4(.even), 0.0125), (.mxfp4(.rceil), 0.0133), (.mxfp4(.ceil), 0.0208),
      (.nvfp4, 0.0090), (.nvfp4Tiles, 0.0124),
    ] as [(NumericFormat, Double)])
  func nearest(format: NumericFormat, expected: Double) {
    #expect(abs(error(format) / expected - 1) < 0.1)
  }

  @Test(
    "4. mean squared errors of stochastic rounding, within 10 percent",
    arguments: [(.nvfp4, 0.0188), (.mxfp4(.rceil), 0.0271), (.mxfp4(.staticThreeQuarters), 0.0282)]
      as [(NumericFormat, Double)])
  func stochastic(format: NumericFormat, expected: Double) {
    let rounding = Rounding.stochastic(RandomStream(seed: 22, purpose: "figures"))
    #expect(abs(error(format, rounding: rounding) / expected - 1) < 0.1)
  }

  @Test("4. orderings")
  func orderings() {
    let (nv, tiles) = (error(.nvfp4), error(.nvfp4Tiles))
    let (even, floor) = (error(.mxfp4(.even)), error(.mxfp4(.floor)))
    let (rceil, ceil) = (error(.mxfp4(.rceil)), error(.mxfp4(.ceil)))
    #expect(nv < even && even <= floor && floor < ceil && rceil < ceil)
    #expect(nv < tiles && tiles < 1.1 * floor)
  }

  @Test("4. searching a scale lowers the error; Four Over Six beats plain NVFP4")
  func searches() {
    for format in [NumericFormat.mxfp4(.floor), .nvfp4, .int(4, group: 32), .intPerRow(4)] {
      let (rule, searched) = (error(format), error(format, search: .searched))
      #expect(searched < rule)
    }
    #expect(error(.nvfp4FourOverSix) < error(.nvfp4))
    // Both candidates of the search contain what FLOOR and RCEIL choose, hence no rule is better on any block.
    let searched = error(.mxfp4, search: .searched)
    #expect([E8M0Rule.floor, .even, .rceil, .ceil].allSatisfy { searched <= error(.mxfp4($0)) })
  }
}
