import Foundation
import QPEFT
import Testing

/// Files of `Tests/Fixtures`.
enum Fixture {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures").path

  static func path(_ name: String) -> String { root + "/" + name }

  static func json<Value: Decodable>(_ type: Value.Type, _ name: String) throws -> Value {
    try JSONDecoder().decode(type, from: Data(contentsOf: URL(fileURLWithPath: path(name))))
  }

  static func integers(_ file: SafetensorsFile, _ name: String) throws -> [[Int32]] {
    let entry = try file.requireEntry(name)
    let flat = Array(file.bytes(entry).bindMemory(to: Int32.self))
    return stride(from: 0, to: flat.count, by: entry.shape[1]).map { Array(flat[$0..<($0 + entry.shape[1])]) }
  }

  static func tensors(_ path: String) throws -> [String: Tensor] {
    let file = try SafetensorsFile(path: path)
    var tensors: [String: Tensor] = [:]
    for entry in file.entries where entry.type == .f32 {
      tensors[entry.name] = Tensor(Shape(entry.shape), Array(file.bytes(entry).bindMemory(to: Float.self)))
    }
    return tensors
  }
}

/// A tiny model with fresh adapters, and rows of random tokens.
struct TinyRun {
  var model: any LanguageModel
  var adapters: LoRAAdapters

  init(
    _ name: String = "tied-f32", rank: Int = 8, alpha: Float = 16, dropout: Float = 0, seed: UInt64 = 0
  ) throws {
    var configuration = LoRAConfiguration()
    configuration.rank = rank
    configuration.alpha = alpha
    configuration.dropout = dropout
    let adapters = try LoRAAdapters(configuration, seed: seed)
    let directory = try HuggingFaceDirectory(path: Fixture.path("tiny-llama/" + name))
    model = try Models.open(config: directory.configData, weights: directory, adapters: adapters.choice)
    self.adapters = adapters
  }

  /// Rows of different lengths, from `shortest` tokens on, the first few tokens of each untrained.
  static func rows(_ count: Int, shortest: Int = 9, seed: UInt64 = 1, vocabulary: Int = 200) -> [TrainingRow] {
    (0..<count).map { index in
      let length = shortest + (index * 7 + Int(seed)) % 14
      let numbers = Tensor.uniform([length], key: RandomKey(seed: seed, step: UInt32(index))).elements
      return TrainingRow(
        ids: numbers.map { Int32($0 * Float(vocabulary)) }, isTrained: (0..<length).map { $0 >= 3 + index % 3 })
    }
  }

  func output(_ directory: String) -> TrainingOutput {
    let parameters = adapters.parameters
    return TrainingOutput(directory: directory, settings: ["rank": "8"]) { directory in
      let plans = parameters.map {
        SafetensorsWriter.Plan(name: $0.name, type: .f32, shape: $0.value.shape.dimensions)
      }
      let writer = try SafetensorsWriter(path: directory + "/adapter_model.safetensors", tensors: plans)
      for parameter in parameters {
        try parameter.value.withElements { try writer.write(parameter.name, UnsafeRawBufferPointer($0)) }
      }
      try writer.finish()
    }
  }

  /// All trained numbers, bit by bit.
  var bits: [UInt32] { adapters.parameters.flatMap { $0.value.elements.map(\.bitPattern) } }
}

/// A directory that is removed when the test ends.
final class TemporaryDirectory {
  let path: String
  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("qpeft-" + UUID().uuidString).path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }
  deinit { try? FileManager.default.removeItem(atPath: path) }
}
