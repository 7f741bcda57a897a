public import Foundation
package import QPEFTJSON
public import QPEFTTensor

/// A model directory as huggingface's libraries write it: `config.json` and safetensors files, one or sharded with an index.
///
/// Opening maps the files and checks their headers; weights are used where they lie. 4-bit weights in bitsandbytes' layout
/// are understood.
public struct HuggingFaceDirectory: WeightSource {
  /// Path as given.
  public let path: String
  /// The text of `config.json`.
  public let configData: Data
  /// The same, read.
  package let config: JSONValue
  /// Names of all stored tensors, sorted.
  public let tensorNames: [String]
  let files: [SafetensorsFile]
  private let locations: [String: Location]

  private struct Location {
    var file: Int
    var entry: SafetensorsFile.Entry
  }

  /// Opens the directory at `path`.
  /// - Throws: `CheckpointError`, `SafetensorsError`, `MappedFileError`, `FileError`; each names the file.
  public init(path: String) throws {
    self.path = path
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory.boolValue else {
      throw CheckpointError.notADirectory(path: path)
    }
    try Self.checkLinks(path)
    (configData, config) = try Self.readConfig(path)
    let index = path + "/" + ShardIndex.fileName
    let single = path + "/model.safetensors"
    if FileManager.default.fileExists(atPath: single) {
      let file = try SafetensorsFile(path: single)
      files = [file]
      var locations: [String: Location] = [:]
      for entry in file.entries { locations[entry.name] = Location(file: 0, entry: entry) }
      self.locations = locations
    } else if FileManager.default.fileExists(atPath: index) {
      (files, locations) = try Self.openShards(path, index: index)
    } else {
      throw CheckpointError.missingFile(
        path: single,
        remedy: "only safetensors checkpoints are read; save the model with save_pretrained(safe_serialization=True)")
    }
    tensorNames = locations.keys.sorted()
  }

  /// Files beside weights and configuration that belong to a model.
  static let textFiles = [
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "generation_config.json",
    "chat_template.jinja", "chat_template.json", "vocab.json", "merges.txt", "tokenizer.model",
  ]

  /// A directory from a stranger may hold links to files of the reader's, which results would then contain: none is followed
  /// that leads out of the directory, but to the blobs of the hub's cache.
  package static func checkLinks(_ path: String) throws(CheckpointError) {
    for name in ["config.json", "model.safetensors", ShardIndex.fileName] + textFiles {
      let file = path + "/" + name
      guard !FileManager.default.fileExists(atPath: file) || RelativePath.leads(file, insideOf: path) else {
        throw .linkOut(path: file)
      }
    }
  }

  private static func readConfig(_ path: String) throws -> (Data, JSONValue) {
    let file = path + "/config.json"
    guard FileManager.default.fileExists(atPath: file) else {
      throw CheckpointError.missingFile(path: file, remedy: "download it into the directory")
    }
    let data = try readSmallFile(file, limit: 1 << 24)
    do {
      let config = try JSONValue(parsing: Array(data), repeatedNames: .refused)
      guard config.object != nil else { throw CheckpointError.json(path: file, problem: "is not a JSON object") }
      return (data, config)
    } catch let error as JSONError { throw CheckpointError.json(path: file, problem: "\(error)") }
  }

  private static func openShards(_ path: String, index: String) throws -> ([SafetensorsFile], [String: Location]) {
    let shards = try ShardIndex(path: index).shards
    var files: [SafetensorsFile] = []
    var numbers: [String: Int] = [:]
    for shard in Set(shards.values).sorted() {
      let file = path + "/" + shard
      guard FileManager.default.fileExists(atPath: file) else {
        throw CheckpointError.missingShard(path: file, index: index)
      }
      guard RelativePath.leads(file, insideOf: path) else { throw CheckpointError.linkOut(path: file) }
      numbers[shard] = files.count
      files.append(try SafetensorsFile(path: file))
    }
    var locations: [String: Location] = [:]
    for (name, shard) in shards {
      guard let number = numbers[shard], let entry = files[number].entry(name) else {
        throw CheckpointError.tensorNotInShard(tensor: name, shard: path + "/" + shard)
      }
      locations[name] = Location(file: number, entry: entry)
    }
    return (files, locations)
  }

  /// Whether there is a tensor of that name.
  public func contains(_ name: String) -> Bool { locations[name] != nil }

  /// A stored tensor: name, type, shape, bytes.
  public func tensor(named name: String) throws(CheckpointError) -> CheckpointTensor {
    guard let location = locations[name] else { throw .missingTensor(tensor: name, directory: path) }
    return CheckpointTensor(location.entry, in: files[location.file].file)
  }

  /// A matrix, dense or 4-bit, read in place.
  public func frozenMatrix(named name: String) throws -> any FrozenMatrix {
    if let matrix = try quantizedMatrix(named: name) { return matrix }
    return try tensor(named: name).denseMatrix()
  }

  /// A small dense tensor as float32.
  public func vector(named name: String) throws -> Tensor { try tensor(named: name).decoded() }

  /// Whether the tensor is a part of a quantized weight, not a weight itself.
  public static func isQuantizationPart(_ name: String) -> Bool {
    [".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map"].contains { name.hasSuffix($0) }
      || name.contains(".quant_state.")
  }
}
