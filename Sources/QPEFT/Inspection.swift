internal import Foundation
public import QPEFTFormats
internal import QPEFTJSON
internal import QPEFTModels

/// What is at a path: a model (directory or GGUF), an adapter, a file of tensors.
public struct Inspection: Codable, Sendable {
  /// What it is.
  public enum Kind: String, Codable, Sendable {
    /// A Hugging Face directory; a GGUF file; a PEFT or mlx adapter; one safetensors file.
    case model, gguf, adapter, safetensors
  }

  /// Tensors of one type.
  public struct Group: Codable, Hashable, Sendable {
    /// Type as stored.
    public let type: String
    /// Tensors, their numbers, their bytes.
    public let tensors, parameters, bytes: Int
  }

  /// Path as given.
  public let path: String
  /// What it is.
  public let kind: Kind
  /// Settings by name.
  public private(set) var facts: [String: String] = [:]
  /// All tensors.
  public private(set) var tensors: [StoredTensor] = []
  /// The same, summed by type, the largest first.
  public private(set) var groups: [Group] = []
  /// Errors against a source, where one is compared with.
  public internal(set) var errors: [WeightError]?

  /// Looks at what is at `path`.
  /// - Throws: errors of the form's reader, naming the file.
  public init(_ path: String) throws {
    self.path = path
    var isDirectory: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
    if !isDirectory.boolValue {
      // A file that is not there is told by its reader.
      kind = exists && Self.isGGUF(path) ? .gguf : .safetensors
    } else {
      kind = FileManager.default.fileExists(atPath: path + "/adapter_config.json") ? .adapter : .model
    }
    switch kind {
    case .safetensors: tensors = try SafetensorsFile(path: path).storedTensors
    case .adapter: try readAdapter()
    case .gguf: try readGGUF()
    case .model: try readModel()
    }
    for (type, members) in Dictionary(grouping: tensors, by: \.type) {
      groups.append(
        Group(
          type: type, tensors: members.count, parameters: members.reduce(0) { $0 + $1.count },
          bytes: members.reduce(0) { $0 + $1.bytes }))
    }
    groups.sort { ($0.bytes, $0.type) > ($1.bytes, $1.type) }
    facts["tensors"] = "\(tensors.count)"
    facts["parameters"] = "\(groups.reduce(0) { $0 + $1.parameters })"
    facts["bytes"] = "\(groups.reduce(0) { $0 + $1.bytes })"
  }

  /// Compares the model at `path` with the one it was made from; two GGUF files tensor by tensor, of any architecture.
  /// `progress` hears of weights that are done.
  public mutating func compare(
    with source: String, progress: (_ done: Int, _ all: Int) throws -> Void = { _, _ in }
  ) throws {
    errors =
      if kind == .gguf, Self.isGGUF(source) {
        try GGUFFile(path: path).errors(against: GGUFFile(path: source), progress: progress)
      } else {
        try ModelSource(path: path).errors(against: ModelSource(path: source), progress: progress)
      }
  }

  private static func isGGUF(_ path: String) -> Bool {
    guard let file = FileHandle(forReadingAtPath: path) else { return false }
    defer { try? file.close() }
    return (try? file.read(upToCount: 4)) == Data("GGUF".utf8)
  }

  private mutating func readAdapter() throws {
    let peft = path + "/adapter_model.safetensors", mlx = path + "/adapters.safetensors"
    tensors = try SafetensorsFile(path: FileManager.default.fileExists(atPath: mlx) ? mlx : peft).storedTensors
    let file = path + "/adapter_config.json"
    let config: JSONValue
    do { config = try JSONValue(parsing: Array(Data(contentsOf: URL(fileURLWithPath: file)))) } catch let error
      as JSONError
    {
      throw PEFTAdapterError.json(path: file, problem: "\(error)")
    }
    for (key, value) in config.object?.members ?? [] where !value.isNull {
      switch value {
      case .string(let text): facts[key] = text
      case .array(let values) where !values.isEmpty:
        facts[key] = values.map { $0.string ?? $0.text() }.sorted().joined(separator: ", ")
      case .object(let members) where members.count > 0: facts[key] = value.text()
      case .bool, .integer, .number: facts[key] = value.text()
      default: break
      }
    }
  }

  private mutating func readGGUF() throws {
    let file = try GGUFFile(path: path)
    tensors = file.storedTensors
    for (key, value) in file.metadata {
      if let text = value.string {
        facts[key] = text.utf8.count <= 80 ? text : "\(text.utf8.count) bytes of text"
      } else if let number = value.number {
        facts[key] = value.integer.map(String.init) ?? "\(number)"
      } else if let flag = value.bool {
        facts[key] = "\(flag)"
      } else if let list = value.list {
        facts[key] = "\(list.count) values"
      }
    }
  }

  private mutating func readModel() throws {
    let directory = try HuggingFaceDirectory(path: path)
    tensors = try directory.storedTensors()
    let config = directory.config
    facts["architecture"] =
      config["architectures"]?.array?.first?.string ?? config["model_type"]?.string ?? "(none named)"
    for key in [
      "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
      "vocab_size",
      "max_position_embeddings",
    ] { if let value = config[key] { facts[key] = value.text() } }
    if let settings = config["quantization_config"] {
      let format = settings["bnb_4bit_quant_type"]?.string ?? settings["quant_method"]?.string ?? "unknown"
      let isDouble = settings["bnb_4bit_use_double_quant"]?.bool == true
      facts["quantization"] = format + (isDouble ? ", double quantization" : "")
    }
    do { _ = try Models.open(config: directory.configData, weights: directory) } catch {
      facts["runs here"] = "no: \(error)"
    }
  }
}
