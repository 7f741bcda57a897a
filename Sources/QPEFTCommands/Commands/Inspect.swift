internal import ArgumentParser
internal import Foundation
internal import QPEFT

/// `qpeft inspect`.
struct Inspect: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "What is in a model, an adapter, or a file of weights.",
    discussion: """
      PATH is a model directory, a PEFT adapter directory, or a .safetensors file.

        qpeft inspect smol-nf4
        qpeft inspect adapter --json
        qpeft inspect model-00001-of-00002.safetensors
      """)

  @Argument(help: ArgumentHelp("A directory or a file.", valueName: "path"))
  var path: String

  @Flag(help: "Print as JSON.")
  var json = false

  func run() async throws {
    let inspection = try Inspection(ModelLocation.path(of: path))
    if json {
      Terminal.standard.line(try Format.json(inspection))
    } else {
      inspection.lines.forEach { Terminal.standard.line($0) }
    }
  }
}

/// What was found at a path.
struct Inspection: Encodable {
  struct StoredTensor: Encodable {
    var name, type: String
    var shape: [Int]
    var bytes: Int
  }

  var path: String
  /// `model`, `adapter` or `safetensors`.
  var kind: String
  var facts: [String: String] = [:]
  var groups: [WeightGroup] = []
  var tensors: [StoredTensor] = []

  init(_ path: String) throws {
    self.path = path
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
      throw Failure(message: "there is nothing at \(path)", remedy: "check the path")
    }
    if !isDirectory.boolValue {
      kind = "safetensors"
      try readTensors(path)
    } else if FileManager.default.fileExists(atPath: path + "/adapter_config.json") {
      kind = "adapter"
      try readAdapter()
    } else {
      kind = "model"
      try readModel()
    }
  }

  private mutating func readTensors(_ file: String) throws {
    let file = try SafetensorsFile(path: file)
    tensors = file.entries.map {
      StoredTensor(name: $0.name, type: $0.type.rawValue, shape: $0.shape, bytes: $0.range.count)
    }.sorted { $0.name < $1.name }
    facts["tensors"] = Format.count(tensors.count)
    facts["bytes"] = Format.bytes(tensors.reduce(0) { $0 + $1.bytes })
  }

  private mutating func readAdapter() throws {
    try readTensors(path + "/adapter_model.safetensors")
    let data = FileManager.default.contents(atPath: path + "/adapter_config.json") ?? Data()
    let config = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any] ?? [:]
    for key in [
      "peft_type", "r", "lora_alpha", "lora_dropout", "use_rslora", "base_model_name_or_path", "target_modules",
    ] {
      guard let value = config[key], !(value is NSNull) else { continue }
      facts[key] = (value as? [Any])?.map { "\($0)" }.sorted().joined(separator: ", ") ?? "\(value)"
    }
    facts["parameters"] = Format.count(tensors.reduce(0) { $0 + $1.shape.reduce(1, *) })
  }

  private mutating func readModel() throws {
    let directory = try HuggingFaceDirectory(path: path)
    let model = try Models.open(config: directory.configData, weights: directory)
    groups = model.weightGroups
    let shape = model.shape
    facts["architecture"] = "\(type(of: model))"
    facts["blocks"] = "\(shape.blockCount)"
    facts["hidden size"] = "\(shape.hiddenSize)"
    facts["vocabulary"] = Format.count(shape.vocabularySize)
    facts["context"] = "\(Format.count(shape.maximumPositions)) tokens"
    facts["parameters"] = Format.count(groups.reduce(0) { $0 + $1.parameters })
    facts["bytes"] = Format.bytes(groups.reduce(0) { $0 + $1.bytes })
  }

  /// For people.
  var lines: [String] {
    var lines = ["\(kind) \(path)"]
    let width = facts.keys.map(\.count).max() ?? 0
    lines += facts.sorted { $0.key < $1.key }.map { key, value in
      "  " + key + String(repeating: " ", count: width - key.count) + "  " + value
    }
    if !groups.isEmpty {
      var table = Table(["weights", "stored as", "parameters", "bytes"], right: [2, 3])
      for group in groups {
        table.add([group.name, group.storage, Format.count(group.parameters), Format.bytes(group.bytes)])
      }
      lines += table.lines
    }
    if !tensors.isEmpty {
      var table = Table(["tensor", "type", "shape", "bytes"], right: [3])
      for tensor in tensors { table.add([tensor.name, tensor.type, "\(tensor.shape)", Format.bytes(tensor.bytes)]) }
      lines += table.lines
    }
    return lines
  }
}
