internal import Foundation
package import QPEFTJSON
internal import QPEFTKernels
internal import QPEFTQuantization
package import QPEFTTensor

/// A checkpoint on its way into another form, wherever it comes from: weights under Hugging Face names, configuration, other
/// files.
package struct QuantizerSource {
  /// A small file of the result beside the weights.
  package enum File {
    case copy(path: String)
    case bytes([UInt8])
  }

  /// `config.json`.
  package var config: JSONObject
  /// The weights in the order in which they are written.
  package var weights: [SourceWeight]
  /// Everything else, by file name.
  package var files: [(name: String, content: File)]
  /// The type that the configuration says the model computes with.
  package var modelType: ElementType? { Self.modelType(config) }

  private static func modelType(_ config: JSONObject) -> ElementType? {
    // transformers 5 writes `dtype`, earlier versions `torch_dtype`.
    let name = (config["dtype"] ?? config["torch_dtype"])?.string
    return ElementType.allCases.first { $0.torchName == name }
  }

  /// torch's name of the type that a 4-bit weight remembers, by weight; GGUF's blocks are decoded to float32.
  func typeName(of weight: SourceWeight) -> String { (weight.elementType ?? .f32).torchName }

  /// Opens a Hugging Face directory or a `.gguf` file.
  /// - Throws: `QuantizerError.alreadyQuantized` for a directory of quantized weights, and what reading throws.
  package init(path: String) throws {
    var isDirectory: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), !isDirectory.boolValue {
      try self.init(gguf: GGUFFile(path: path))
    } else {
      try self.init(directory: HuggingFaceDirectory(path: path))
    }
  }

  private init(directory: HuggingFaceDirectory) throws {
    let states = directory.tensorNames.contains { $0.contains(".quant_state.") }
    if states || directory.config["quantization_config"] != nil {
      throw QuantizerError.alreadyQuantized(
        source: directory.path,
        method: directory.config["quantization_config"]?["quant_method"]?.string ?? "bitsandbytes")
    }
    try self.init(decoding: directory)
  }

  /// A model whose quantized weights are decoded on the way.
  package init(decoding source: ModelSource) throws {
    switch source.form {
    case .directory(let directory): try self.init(decoding: directory)
    case .gguf(let model): try self.init(gguf: model.gguf)
    }
  }

  private init(decoding directory: HuggingFaceDirectory) throws {
    config = directory.config.object ?? [:]
    config["quantization_config"] = nil
    let type = Self.modelType(config) ?? .f32
    weights = try directory.tensorNames.filter { !HuggingFaceDirectory.isQuantizationPart($0) }.map { name in
      let stored = try directory.tensor(named: name)
      guard let matrix = try directory.quantizedMatrix(named: name) else { return SourceWeight(stored) }
      return SourceWeight(
        ComputedWeight(
          name: name, shape: [matrix.rows, matrix.columns], type: type, typeName: matrix.storageName,
          byteCount: stored.range.count,
          decode: { y, rows in Kernels.decode(y, matrix.view, first: rows.lowerBound * matrix.columns) },
          release: { stored.file.release($0, of: matrix.rows, in: stored.range) }))
    }
    files = HuggingFaceDirectory.textFiles.compactMap { name in
      let file = directory.path + "/" + name
      return FileManager.default.fileExists(atPath: file) ? (name, .copy(path: file)) : nil
    }
  }

  /// The bytes of one of the files; nil if there is none of that name.
  package func bytes(ofFile name: String) throws -> [UInt8]? {
    switch files.first(where: { $0.name == name })?.content {
    case .copy(let path): Array(try readSmallFile(path))
    case .bytes(let bytes): bytes
    case nil: nil
    }
  }

  private init(gguf: GGUFFile) throws {
    let llama = try GGUFLlama(gguf)
    config = llama.config
    weights = llama.weights.map { SourceWeight($0, in: gguf) }
    files = try GGUFTextFiles(gguf).files.map { ($0.name, .bytes($0.bytes)) }
  }

  /// JSON as the libraries write such files.
  static func text(_ members: JSONObject) -> [UInt8] {
    JSONValue.object(members).bytes(.indented(sorted: true)) + [UInt8(ascii: "\n")]
  }
}
