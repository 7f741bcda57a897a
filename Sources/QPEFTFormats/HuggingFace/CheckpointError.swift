public import Foundation

/// A checkpoint directory that cannot be used.
public enum CheckpointError: Error, Equatable, CustomStringConvertible {
  /// There is no such directory, nor a file.
  case notADirectory(path: String)
  /// A file that every checkpoint has is missing.
  case missingFile(path: String, remedy: String)
  /// A JSON file is not JSON, or not of the form it should have.
  case json(path: String, problem: String)
  /// The index names a shard outside of the directory.
  case unsafeShardName(index: String, shard: String)
  /// A file of the directory is a link to a place outside of it.
  case linkOut(path: String)
  /// A shard that the index names is not there.
  case missingShard(path: String, index: String)
  /// The index says that a shard has a tensor, but it has not.
  case tensorNotInShard(tensor: String, shard: String)
  /// There is no tensor of that name.
  case missingTensor(tensor: String, directory: String)
  /// A tensor is not what is asked for: its type or shape.
  case unsuitable(tensor: String, problem: String)
  /// The parts of a quantized tensor do not fit together.
  case quantization(tensor: String, problem: String)

  /// The failure in a sentence.
  public var description: String {
    switch self {
    case .notADirectory(let path): "there is no model at \(path)"
    case .missingFile(let path, _): "\(path) is missing"
    case .json(let path, let problem): "\(path): \(problem)"
    case .unsafeShardName(let index, let shard):
      "\(index): the shard name \"\(shard)\" leaves the directory"
    case .linkOut(let path): "\(path) is a link that leads out of its directory"
    case .missingShard(let path, let index):
      "\(path) is missing, though \(index) names it"
    case .tensorNotInShard(let tensor, let shard):
      "\(shard) has no tensor \(tensor), though the index says so"
    case .missingTensor(let tensor, let directory): "\(directory): there is no tensor \(tensor)"
    case .unsuitable(let tensor, let problem): "\(tensor): \(problem)"
    case .quantization(let tensor, let problem): "\(tensor): \(problem)"
    }
  }

  /// What the reader can do about it.
  public var remedy: String {
    switch self {
    case .notADirectory: "name a directory that holds config.json, a .gguf file, or ORG/NAME of the hub"
    case .missingFile(_, let remedy): remedy
    case .unsafeShardName: "do not use this checkpoint; it is not to be trusted"
    case .linkOut: "copy the file into the directory, or name the directory that the link leads to"
    case .missingShard: "download the missing file into the directory"
    case .tensorNotInShard: "download both files again"
    default: "download the checkpoint again, or save it again with its library"
    }
  }
}

extension CheckpointError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What the reader can do about it.
  public var recoverySuggestion: String? { remedy }
}
