public import Foundation
public import QPEFTTensor

/// A model as it lies on disk, in whichever form: a Hugging Face directory or a `.gguf` file.
public struct ModelSource: WeightSource {
  enum Form {
    case directory(HuggingFaceDirectory)
    case gguf(GGUFModel)
  }

  /// Path as given.
  public let path: String
  let form: Form

  /// Opens what is at `path`.
  /// - Throws: errors of the form's reader; each names the file.
  public init(path: String) throws {
    self.path = path
    var isDirectory: ObjCBool = false
    let isFile = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && !isDirectory.boolValue
    form = isFile ? .gguf(try GGUFModel(path: path)) : .directory(try HuggingFaceDirectory(path: path))
  }

  /// The text of `config.json`; of a GGUF file, one made from its metadata.
  public var configData: Data {
    switch form {
    case .directory(let directory): directory.configData
    case .gguf(let model): model.configData
    }
  }

  /// Of a GGUF file, the files that say about text, by name; nil for a directory, which has them itself.
  public func madeTextFiles() throws -> [String: [UInt8]]? {
    guard case .gguf(let model) = form else { return nil }
    return try model.textFiles()
  }

  /// The mapped files that hold its weights.
  package var files: [MappedFile] {
    switch form {
    case .directory(let directory): directory.files.map(\.file)
    case .gguf(let model): model.gguf.files
    }
  }

  private var weights: any WeightSource {
    switch form {
    case .directory(let directory): directory
    case .gguf(let model): model
    }
  }

  /// Whether there is a tensor of that name.
  public func contains(_ name: String) -> Bool { weights.contains(name) }
  /// A matrix, quantized or dense, read in place.
  public func frozenMatrix(named name: String) throws -> any FrozenMatrix { try weights.frozenMatrix(named: name) }
  /// A small tensor as float32.
  public func vector(named name: String) throws -> Tensor { try weights.vector(named: name) }
}
