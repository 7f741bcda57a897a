// swift-tools-version: 6.1
import PackageDescription

// A package of its own, so that users of qpeft never resolve what only benchmarks need.
//
//   swift package --package-path Benchmarks benchmark
//
// `traits: []`: without the interposer of malloc, whose counts the library's own ledger makes unnecessary.

func suite(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies + [.product(name: "Benchmark", package: "benchmark")],
    path: "Benchmarks/\(name)", plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")])
}

let package = Package(
  name: "qpeft-benchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "qpeft", path: ".."),
    .package(url: "https://github.com/ordo-one/benchmark", exact: "1.38.1", traits: []),
  ],
  targets: [
    suite("KernelBenchmarks", [.product(name: "QPEFTMeasurement", package: "qpeft")]),
    suite("StepBenchmarks", [.product(name: "QPEFT", package: "qpeft")]),
  ]
)
