internal import Foundation
internal import QPEFTJSON
public import QPEFTTensor

/// An adapter as mlx-lm stores it: `adapter_config.json` and `adapters.safetensors`.
///
/// Factors lie transposed, `lora_a` [inputs, rank] and `lora_b` [rank, outputs], and the update is multiplied by a scale that
/// stands in the configuration, in place of alpha and rank.
public struct MLXAdapterDirectory: Sendable {
  /// What was trained.
  public enum Kind: String, Hashable, Sendable { case lora, dora }

  /// `fine_tune_type`.
  public let kind: Kind
  /// `lora_parameters.scale`.
  public let scale: Double
  /// `lora_parameters.dropout`.
  public let dropout: Double
  /// Tensors by the keys of the file, as float32.
  public let tensors: [String: Tensor]
  private let weightsPath: String

  static let weightsName = "adapters.safetensors"

  /// Whether the directory `path` holds an adapter of mlx-lm.
  public static func isFound(at path: String) -> Bool {
    FileManager.default.fileExists(atPath: path + "/" + weightsName)
  }

  /// Reads the adapter in the directory `path`.
  /// - Throws: `PEFTAdapterError` naming the key that is missing or not understood, `SafetensorsError`, `CheckpointError`,
  ///   `MappedFileError`.
  public init(path: String) throws {
    let config = path + "/adapter_config.json"
    guard FileManager.default.fileExists(atPath: config) else {
      throw PEFTAdapterError.missingFile(path: config, remedy: "mlx-lm writes it beside \(Self.weightsName)")
    }
    let json: JSONValue
    let text = try Array(readSmallFile(config, limit: 1 << 24))
    do { json = try JSONValue(parsing: text, repeatedNames: .refused) } catch {
      throw PEFTAdapterError.json(path: config, problem: "\(error)")
    }
    func fail(_ key: String, _ problem: String) -> PEFTAdapterError {
      .setting(path: config, key: key, problem: problem)
    }
    guard let object = json.object else { throw PEFTAdapterError.json(path: config, problem: "is not a JSON object") }
    // Files of before DoRA do not say what they are.
    let type = object["fine_tune_type"] ?? .string("lora")
    guard let kind = type.string.flatMap(Kind.init) else {
      throw fail("fine_tune_type", "is neither lora nor dora; other ways to train are not supported")
    }
    guard let parameters = object["lora_parameters"]?.object else { throw fail("lora_parameters", "is missing") }
    guard let scale = parameters["scale"]?.number, scale.isFinite else {
      throw fail("lora_parameters.scale", "is not a number")
    }
    let dropout = parameters["dropout"] ?? .integer(0)
    guard let dropout = dropout.number else { throw fail("lora_parameters.dropout", "is not a number") }
    (self.kind, self.scale, self.dropout) = (kind, scale, dropout)
    weightsPath = path + "/" + Self.weightsName
    let file = try SafetensorsFile(path: weightsPath)
    var tensors: [String: Tensor] = [:]
    for entry in file.entries {
      tensors[entry.name] = try CheckpointTensor(entry, in: file.file).decoded(in: .adapters)
    }
    self.tensors = tensors
  }

  /// The same adapter as PEFT would have it: its keys, its shapes, alpha = scale · rank. Targets are the whole paths of the layers.
  ///
  /// What it computes is the same. Trained further with dropout, DoRA differs: PEFT drops inputs of the frozen weight too.
  /// - Throws: `PEFTAdapterError.setting` naming a tensor whose shape is not that of a factor.
  public func peft() throws(PEFTAdapterError) -> PEFTAdapterDirectory {
    var converted: [String: Tensor] = [:]
    var ranks: [String: Int] = [:]
    for (name, tensor) in tensors {
      let (layer, part) = Self.split(name)
      let prefix = "base_model.model.\(layer)"
      switch part {
      case "lora_a", "lora_b":
        guard tensor.shape.rank == 2, tensor.count > 0 else {
          throw .setting(path: weightsPath, key: name, problem: "has shape \(tensor.shape), not that of a matrix")
        }
        if part == "lora_a" { ranks[layer] = tensor.shape.columns }
        converted["\(prefix).\(part == "lora_a" ? "lora_A" : "lora_B").weight"] = tensor.transposed()
      case "m": converted["\(prefix).lora_magnitude_vector"] = tensor
      default: converted["base_model.model.\(name)"] = tensor
      }
    }
    guard let rank = ranks.values.max() else {
      throw .setting(path: weightsPath, key: "lora_a", problem: "is not there: no layer has an adapter")
    }
    var config = PEFTAdapterConfig(rank: rank, alpha: scale * Double(rank), targets: .names(ranks.keys.sorted()))
    for (layer, own) in ranks where own != rank {
      let key = layer.replacingOccurrences(of: ".", with: #"\."#)
      config.ranks[key] = own
      config.alphas[key] = scale * Double(own)
    }
    config.dropout = dropout
    config.usesDoRA = kind == .dora
    return PEFTAdapterDirectory(config: config, tensors: converted)
  }

  private static func split(_ name: String) -> (layer: String, part: String) {
    guard let dot = name.lastIndex(of: ".") else { return ("", name) }
    return (String(name[..<dot]), String(name[name.index(after: dot)...]))
  }
}

extension Tensor {
  /// Rows and columns exchanged.
  fileprivate func transposed() -> Tensor {
    let (rows, columns) = (shape.rows, shape.columns)
    var result = Tensor(uninitialized: [columns, rows], in: .adapters)
    result.withMutableElements { result in
      withElements { source in
        for index in source.indices { result[index % columns * rows + index / columns] = source[index] }
      }
    }
    return result
  }
}
