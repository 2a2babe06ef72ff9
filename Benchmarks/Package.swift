// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "walsh-benchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "walsh", path: "..")],
  targets: [
    .executableTarget(name: "walsh-benchmarks", dependencies: [.product(name: "Walsh", package: "walsh")])
  ],
  swiftLanguageModes: [.v6]
)
