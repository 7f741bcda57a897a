// swift-tools-version: 6.2
import PackageDescription

// The rooms of the house and who may import whom: Docs/Architecture.md.
// Imports only go down; `swift build --explicit-target-dependency-import-check error` keeps it so.

let swiftSettings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

func tests(_ name: String, path: String? = nil, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, path: path, swiftSettings: swiftSettings)
}

let package = Package(
  name: "qpeft",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "QPEFT", targets: ["QPEFT"]),
    .library(name: "QPEFTMeasurement", targets: ["QPEFTMeasurement"]),
    .executable(name: "qpeft", targets: ["QPEFTMain"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0")
  ],
  targets: [
    // C: kernels. OpenBLAS, with which kernels are compared, is loaded where it is measured.
    .target(
      name: "CQPKernels",
      path: "CSupport",
      sources: ["reference", "x86", "arm", "drivers", "dispatch", "threads"],
      publicHeadersPath: "include",
      cSettings: [
        .headerSearchPath("."),
        .define("NDEBUG", .when(configuration: .release)),
      ],
      linkerSettings: [
        .linkedLibrary("m", .when(platforms: [.linux])),
        .linkedLibrary("dl", .when(platforms: [.linux])),
      ]
    ),

    // C: gzip files of rows. Only its header is needed here; the library comes with every system.
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),

    // Level 0-1
    room("QPEFTJSON"),
    room("QPEFTKernels", ["CQPKernels"]),
    room("QPEFTTensor", ["QPEFTKernels"]),
    room("QPEFTMeasurement", ["QPEFTKernels"]),
    // Level 2
    room("QPEFTAutodiff", ["QPEFTTensor", "QPEFTKernels"]),
    room("QPEFTQuantization", ["QPEFTTensor", "QPEFTKernels"]),
    // Level 3
    room("QPEFTLayers", ["QPEFTAutodiff", "QPEFTTensor", "QPEFTKernels"]),
    room("QPEFTFormats", ["QPEFTJSON", "QPEFTText", "QPEFTQuantization", "QPEFTTensor", "QPEFTKernels"]),
    room("QPEFTText", ["QPEFTJSON", "CZlib"]),
    // Level 4
    room("QPEFTHub", ["QPEFTFormats", "QPEFTJSON"]),
    room("QPEFTModels", ["QPEFTLayers", "QPEFTAutodiff", "QPEFTTensor", "QPEFTKernels"]),
    room("QPEFTAdapters", ["QPEFTLayers", "QPEFTFormats", "QPEFTAutodiff", "QPEFTTensor", "QPEFTKernels"]),
    // Level 5
    room(
      "QPEFTTraining",
      [
        "QPEFTModels", "QPEFTText", "QPEFTFormats", "QPEFTLayers", "QPEFTAutodiff", "QPEFTTensor", "QPEFTKernels",
      ]),
    // Level 7
    room(
      "QPEFT",
      [
        "QPEFTTraining", "QPEFTModels", "QPEFTAdapters", "QPEFTText", "QPEFTHub", "QPEFTFormats", "QPEFTJSON",
        "QPEFTQuantization",
        "QPEFTLayers", "QPEFTAutodiff", "QPEFTTensor", "QPEFTKernels",
      ]),
    // All rooms, though it imports QPEFT, JSON and Measurement alone: an incremental build follows direct dependencies.
    room(
      "QPEFTCommands",
      [
        "QPEFT", "QPEFTTraining", "QPEFTModels", "QPEFTAdapters", "QPEFTText", "QPEFTHub", "QPEFTFormats",
        "QPEFTQuantization", "QPEFTLayers", "QPEFTAutodiff", "QPEFTMeasurement", "QPEFTTensor",
        "QPEFTKernels", "QPEFTJSON",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    // Not named `qpeft`: beside `QPEFT` the two folders would be one where file names ignore case.
    .executableTarget(
      name: "QPEFTMain", dependencies: ["QPEFTCommands"], swiftSettings: swiftSettings),

    // Measures kernels against OpenBLAS (Docs/Kernels.md). In this package because kernels are not public.
    .executableTarget(
      name: "KernelBenchmark", dependencies: ["QPEFTMeasurement", "QPEFTKernels"], path: "Benchmarks/Kernels",
      exclude: ["measure.sh", "results"], swiftSettings: swiftSettings),

    // What is done with files of strangers: for the tests that change their bytes, and for libFuzzer (Docs/Reliability.md).
    .target(
      name: "FuzzTargets", dependencies: ["QPEFTModels", "QPEFTText", "QPEFTFormats", "QPEFTTensor", "QPEFTJSON"],
      path: "Tests/Fuzz/Targets", swiftSettings: swiftSettings),

    // Measures memory of training on random weights of any size (Docs/MemoryModel.md).
    .executableTarget(
      name: "MemoryBenchmark",
      dependencies: [
        "QPEFTFormats", "QPEFTQuantization", "QPEFTKernels",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Benchmarks/Memory", exclude: ["cgroup.sh", "limited.sh", "plot.py", "results", "streamed.sh"],
      swiftSettings: swiftSettings),

    // Tests: one target per room, plus Acceptance (the built command, from outside).
    tests("QPEFTKernelsTests", ["QPEFTKernels"]),
    tests("QPEFTMeasurementTests", ["QPEFTMeasurement", "QPEFTKernels"]),
    tests("QPEFTTensorTests", ["QPEFTTensor", "QPEFTKernels"]),
    tests("QPEFTAutodiffTests", ["QPEFTAutodiff", "QPEFTTensor", "QPEFTKernels"]),
    tests("QPEFTQuantizationTests", ["QPEFTQuantization", "QPEFTTensor", "QPEFTKernels"]),
    tests("QPEFTLayersTests", ["QPEFTLayers", "QPEFTAutodiff", "QPEFTTensor", "QPEFTKernels"]),
    tests("QPEFTJSONTests", ["QPEFTJSON"]),
    tests(
      "QPEFTFormatsTests",
      ["QPEFTFormats", "QPEFTText", "QPEFTJSON", "QPEFTQuantization", "QPEFTTensor", "QPEFTKernels"]),
    tests("QPEFTTextTests", ["QPEFTText", "QPEFTJSON"]),
    tests("QPEFTHubTests", ["QPEFTHub"]),
    tests(
      "QPEFTModelsTests",
      [
        "QPEFTModels", "QPEFTLayers", "QPEFTFormats", "QPEFTQuantization", "QPEFTAutodiff", "QPEFTTensor",
        "QPEFTKernels",
      ]),
    tests(
      "QPEFTAdaptersTests",
      ["QPEFTAdapters", "QPEFTLayers", "QPEFTFormats", "QPEFTAutodiff", "QPEFTTensor", "QPEFTKernels"]),
    tests(
      "QPEFTTrainingTests",
      [
        "QPEFT", "QPEFTJSON", "QPEFTTraining", "QPEFTModels", "QPEFTAdapters", "QPEFTText", "QPEFTFormats",
        "QPEFTLayers",
        "QPEFTAutodiff", "QPEFTTensor", "QPEFTKernels",
      ]),
    tests("QPEFTCommandsTests", ["QPEFTCommands", .product(name: "ArgumentParser", package: "swift-argument-parser")]),
    tests("FuzzTests", ["FuzzTargets"]),
    tests("Acceptance", path: "Tests/Acceptance", ["QPEFT"]),
  ]
)
