public import Foundation
internal import QPEFTJSON
internal import QPEFTKernels
public import QPEFTTensor

/// A model in a GGUF file under the names of Hugging Face: weights, `config.json`, and the files that say about text.
///
/// Weights are used where they lie, as in a ``HuggingFaceDirectory``; rows of q and k are found in transformers' order
/// without a copy.
public struct GGUFModel: WeightSource {
  /// The file.
  public let gguf: GGUFFile
  /// The text of a `config.json`.
  public let configData: Data
  private let weights: [String: GGUFLlama.Weight]

  /// Opens the file at `path`; of a model in parts, the first.
  /// - Throws: `GGUFError`, `MappedFileError`; each names the file.
  public init(path: String) throws {
    gguf = try GGUFFile(path: path)
    let llama = try GGUFLlama(gguf)
    configData = Data(QuantizerSource.text(llama.config))
    var weights: [String: GGUFLlama.Weight] = [:]
    for weight in llama.weights { weights[weight.name] = weight }
    self.weights = weights
  }

  /// Names of all weights, sorted.
  public var tensorNames: [String] { weights.keys.sorted() }

  /// Whether there is a tensor of that name.
  public func contains(_ name: String) -> Bool { weights[name] != nil }

  /// A matrix, read in place.
  public func frozenMatrix(named name: String) throws -> any FrozenMatrix {
    let weight = try weight(name)
    guard weight.entry.shape.count == 2 else {
      throw GGUFError.tensor(
        file: gguf.path, tensor: weight.entry.name, problem: "its shape \(weight.entry.shape) is not that of a matrix")
    }
    return GGUFMatrix(weight, in: gguf)
  }

  /// A small tensor as float32.
  public func vector(named name: String) throws -> Tensor {
    let weight = try weight(name)
    var tensor = Tensor(uninitialized: Shape(weight.entry.shape), in: .weights)
    tensor.withMutableElements { Kernels.decode($0, weight.view(in: gguf), first: 0) }
    return tensor
  }

  private func weight(_ name: String) throws(GGUFError) -> GGUFLlama.Weight {
    guard let weight = weights[name] else { throw .missingTensor(file: gguf.path, tensor: name) }
    return weight
  }

  /// `tokenizer.json`, `tokenizer_config.json`, `generation_config.json` and `config.json`, made from the metadata.
  /// - Throws: `GGUFError` where the tokenizer is of a kind that is not converted.
  public func textFiles() throws -> [String: [UInt8]] {
    var files: [String: [UInt8]] = ["config.json": Array(configData)]
    for file in try GGUFTextFiles(gguf).files { files[file.name] = file.bytes }
    return files
  }
}
