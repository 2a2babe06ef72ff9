// swift-tools-version: 6.2
import PackageDescription

/// C kernels stay optimised in debug builds: at -O0 they are twelve times slower and the tests would crawl.
let kernelSettings: [CSetting] = [.unsafeFlags(["-O2"], .when(configuration: .debug))]

/// `Tensor.span` and `Tensor.mutableSpan` are properties that return spans.
let spans: [SwiftSetting] = [.enableExperimentalFeature("Lifetimes")]

/// A module of the house; each has a README that argues its design.
func module(
  _ name: String, _ dependencies: [Target.Dependency], readmes: [String] = [], swiftSettings: [SwiftSetting] = []
) -> Target {
  .target(
    name: name, dependencies: dependencies, exclude: ["README.md"] + readmes.map { "\($0)/README.md" },
    swiftSettings: swiftSettings)
}

let package = Package(
  name: "walsh",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "walsh", targets: ["walsh"]),
    .library(
      name: "Walsh",
      targets: [
        "WalshTensor", "WalshTransforms", "WalshFormats", "WalshCheckpoints", "WalshModels",
        "WalshQuantization", "WalshTraining", "WalshEvaluation", "WalshReports",
      ]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .target(name: "CKernels", cSettings: kernelSettings),
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    module(
      "WalshTensor", ["CKernels", .target(name: "COpenBLAS", condition: .when(platforms: [.linux]))],
      swiftSettings: spans),
    module("WalshTransforms", ["WalshTensor", "CKernels"]),
    module("WalshFormats", ["WalshTensor", "CKernels"]),
    module("WalshCheckpoints", ["WalshTensor", "WalshTransforms", "WalshFormats", "CKernels"]),
    module("WalshModels", ["WalshTensor", "WalshTransforms", "WalshFormats", "WalshCheckpoints"]),
    module(
      "WalshQuantization",
      [
        "WalshTensor", "WalshTransforms", "WalshFormats", "WalshCheckpoints", "WalshModels",
        .product(name: "Yams", package: "Yams"),
      ],
      readmes: [
        "Methods/Auto", "Methods/DuQuant", "Methods/DuQuantPlusPlus", "Methods/FlatQuant", "Methods/MRGPTQ",
        "Methods/QuaRot", "Methods/SpinQuant",
      ]),
    module(
      "WalshTraining",
      [
        "WalshTensor", "WalshTransforms", "WalshFormats", "WalshCheckpoints", "WalshModels",
        .product(name: "Yams", package: "Yams"),
      ],
      readmes: ["Recipes/AdaHOP", "Recipes/NVFP4", "Recipes/Plain", "Recipes/QuartetII", "Recipes"]),
    module(
      "WalshEvaluation",
      ["WalshTensor", "WalshTransforms", "WalshFormats", "WalshCheckpoints", "WalshModels", "CKernels"]),
    module(
      "WalshReports",
      [
        "WalshModels", "WalshQuantization", "WalshTraining", "WalshEvaluation", "WalshCheckpoints",
        .product(name: "Mustache", package: "swift-mustache"),
      ]),
    .executableTarget(
      name: "walsh",
      dependencies: [
        "WalshTensor", "WalshTransforms", "WalshFormats", "WalshCheckpoints", "WalshModels",
        "WalshQuantization", "WalshTraining", "WalshEvaluation", "WalshReports",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .target(name: "TestSupport", dependencies: ["WalshTensor"], path: "Tests/TestSupport"),
    .testTarget(name: "WalshTensorTests", dependencies: ["WalshTensor", "CKernels", "TestSupport"]),
    .testTarget(name: "WalshTransformsTests", dependencies: ["WalshTransforms", "TestSupport"]),
    .testTarget(name: "WalshFormatsTests", dependencies: ["WalshFormats", "TestSupport"]),
    .testTarget(
      name: "WalshCheckpointsTests", dependencies: ["WalshCheckpoints", "TestSupport"]),
    .testTarget(name: "WalshModelsTests", dependencies: ["WalshModels", "TestSupport"]),
    .testTarget(
      name: "WalshQuantizationTests", dependencies: ["WalshQuantization", "TestSupport"]),
    .testTarget(name: "WalshTrainingTests", dependencies: ["WalshTraining", "TestSupport"]),
    .testTarget(
      name: "WalshEvaluationTests", dependencies: ["WalshEvaluation", "TestSupport"]),
    .testTarget(name: "WalshReportsTests", dependencies: ["WalshReports", "TestSupport"]),
    .testTarget(
      name: "EndToEndTests", dependencies: ["walsh", "WalshQuantization", "WalshEvaluation", "TestSupport"]),
  ],
  swiftLanguageModes: [.v6]
)
