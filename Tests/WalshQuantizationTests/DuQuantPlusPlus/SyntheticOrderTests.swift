import Foundation
import Testing
import WalshFormats
import WalshTensor
import WalshTransforms

@testable import WalshQuantization

/// Section 8 of the specification: the order of transforms on synthetic outliers under each scale rule.
///
/// Digits depend on the draw; what must hold is the order.
@Suite("DuQuant++ on synthetic outliers")
struct SyntheticOrderTests {
  /// How both operands are rounded.
  enum Scales: String, CaseIterable {
    case ocp, fourThirds, ceil, mse, logUniform

    static let real: [Scales] = [.ocp, .fourThirds, .ceil, .mse]

    func rounded(_ x: Tensor) -> Tensor {
      switch self {
      case .ocp: Quantizer(format: .mxfp4(.floor)).fakeQuantize(x)
      case .fourThirds: Quantizer(format: .mxfp4(.staticThreeQuarters)).fakeQuantize(x)
      case .ceil: Quantizer(format: .mxfp4(.rceil)).fakeQuantize(x)
      case .mse: Quantizer(format: .mxfp4, search: .searched).fakeQuantize(x)
      case .logUniform: LogUniformScales().fakeQuantize(x)
      }
    }
  }

  /// What acts behind the smoothing, if there is any.
  enum Map: String, CaseIterable {
    case none, hadamard, random, channel, row, zigzag
  }

  /// 256 rows of 1024 channels with log-normal scales, twenty of them biased outliers; 256 × 1024 weights.
  private static func data(_ seed: Int) -> (x: Tensor, w: Tensor) {
    func stream(_ name: String) -> RandomStream {
      RandomStream(seed: UInt64(seed), purpose: "test/synthetic/\(name)")
    }
    let channels = stream("channels")
    let scales = (0..<1024).map { Float(exp(0.5 * channels.normal(at: $0))) }
    let outliers = PermutationTransform.random(1024, stream: stream("places")).sources.prefix(20)
    let base = Tensor.normal([256, 1024], from: stream("x"))
    let draw = stream("outliers")
    var means = [Float](repeating: 0, count: 1024)
    var spreads = [Float](repeating: 1, count: 1024)
    for (i, channel) in outliers.enumerated() {
      means[channel] = draw.sign(at: 3 * i) * (5 + 35 * draw.uniform(at: 1000 + i))
      spreads[channel] = 3 + 5 * draw.uniform(at: 2000 + i)
    }
    let x = base.scalingColumns(by: Tensor(zip(scales, spreads).map { $0 * $1 })).addingToRows(Tensor(means))
    return (x, .normal([256, 1024], from: stream("w")))
  }

  /// The mean over tokens of ‖y − ŷ‖² / ‖y‖².
  private static func error(_ x: Tensor, _ w: Tensor, _ scales: Scales) -> Double {
    let exact = x.matmulTransposed(w)
    let found = scales.rounded(x).matmulTransposed(scales.rounded(w))
    return (0..<x.rowCount).reduce(0) {
      $0 + (exact.row($1) - found.row($1)).sumOfSquares / exact.row($1).sumOfSquares
    } / Double(x.rowCount)
  }

  /// The errors by smoothing, map and scale rule, means of three draws.
  private static let errors: [String: Double] = {
    var sums: [String: Double] = [:]
    let draws = 3
    for seed in 0..<draws {
      let (x, w) = data(seed)
      for isSmooth in [false, true] {
        let scales = zip(x.columnMaxMagnitudes.values, w.columnMaxMagnitudes.values).map { a, b in
          Float(1 / max(pow(Double(a), 0.6) / pow(Double(b), 0.4), 1e-2))
        }
        let smoothing = DiagonalTransform(isSmooth ? scales : Array(repeating: 1, count: 1024))
        let (smoothX, smoothW) = (x.transformed(by: smoothing), w.transformed(by: smoothing.inverse))
        for map in Map.allCases {
          let transform = transform(map, of: smoothX, seed)
          let (tx, tw) = (smoothX.transformed(by: transform), smoothW.transformed(by: transform))
          for rule in Scales.allCases {
            sums[key(isSmooth, map, rule), default: 0] += error(tx, tw, rule) / Double(draws)
          }
        }
      }
    }
    return sums
  }()

  private static func key(_ isSmooth: Bool, _ map: Map, _ scales: Scales) -> String { "\(isSmooth) \(map) \(scales)" }

  private static func transform(_ map: Map, of x: Tensor, _ seed: Int) -> any LinearTransform {
    let stream = RandomStream(seed: UInt64(seed), purpose: "test/synthetic/map")
    func repeated(_ block: any LinearTransform) -> any LinearTransform {
      BlockDiagonalTransform(block: block, count: 32)
    }
    guard let hadamard = try? HadamardTransform(order: 32) else { preconditionFailure("Order 32 is known.") }
    switch map {
    case .none: return IdentityTransform(1024)
    case .hadamard: return repeated(hadamard)
    case .random: return repeated(Rotation.haar(32, stream))
    case .zigzag:
      let zigzag = Zigzag.permutation(x.columnMaxMagnitudes.values, ChannelBlocks(width: 1024, size: 32))
      return CompositeTransform([zigzag, repeated(hadamard)])
    case .channel, .row:
      var search = RotationSearch()
      (search.steps, search.index) = (64, map == .row ? .row : .channel)
      let z = x.reshaped(to: [256 * 32, 32])
      return repeated(DenseTransform(orthogonal: Tensor(search(z, format: .mxfp4, stream).rotation)))
    }
  }

  private func error(_ map: Map, smooth: Bool = false, _ scales: Scales) -> Double {
    Self.errors[Self.key(smooth, map, scales)] ?? .nan
  }

  @Test("Smoothing and rotation complement each other: both together beat either alone", arguments: Scales.real)
  func complementary(_ scales: Scales) {
    for map in [Map.hadamard, .random, .channel, .row] {
      let both = error(map, smooth: true, scales)
      #expect(both < 0.5 * error(map, scales) && both < 0.6 * error(.none, smooth: true, scales), "\(map) \(scales)")
    }
    #expect(error(.hadamard, scales) < error(.none, scales))
    #expect(error(.none, smooth: true, scales) < error(.none, scales))
  }

  @Test("The searched rotation is as good as a random one, by either rule; Hadamard is the strongest cheap choice")
  func searched() {
    for scales in Scales.real {
      for smooth in [false, true] {
        let random = error(.random, smooth: smooth, scales)
        for map in [Map.channel, .row] {
          #expect(abs(error(map, smooth: smooth, scales) / random - 1) < 0.2, "\(map) \(scales) \(smooth)")
        }
        #expect(
          abs(error(.channel, smooth: smooth, scales) / error(.row, smooth: smooth, scales) - 1) < 0.1, "\(scales)")
      }
      #expect(error(.hadamard, smooth: true, scales) < error(.channel, smooth: true, scales), "\(scales)")
    }
  }

  @Test("A zigzag before the rotation helps a little")
  func zigzag() {
    for scales in [Scales.ocp, .mse] {
      #expect(error(.zigzag, smooth: true, scales) < error(.hadamard, smooth: true, scales), "\(scales)")
    }
  }

  @Test("Log-uniform scales flatter every row, most of all smoothing without a rotation")
  func flattering() {
    for map in Map.allCases {
      for smooth in [false, true] {
        for scales in Scales.real {
          #expect(error(map, smooth: smooth, .logUniform) < error(map, smooth: smooth, scales), "\(map) \(smooth)")
        }
      }
    }
    #expect(error(.none, smooth: true, .logUniform) < 0.5 * error(.none, smooth: true, .mse))
  }

  @Test("The choice of scales among the real rules: mse is the best of them for every transform")
  func rules() {
    for map in [Map.hadamard, .random, .channel, .row] {
      for scales in Scales.real {
        #expect(error(map, .mse) <= 1.001 * error(map, scales), "\(map) \(scales)")
      }
    }
  }
}
