public import Foundation

/// A GGUF file that cannot be used. `file` is the path as it was given.
public enum GGUFError: Error, Equatable, CustomStringConvertible {
  /// The first bytes are not GGUF's.
  case notGGUF(file: String)
  /// A version or byte order that is not read.
  case version(file: String, version: UInt32)
  /// The file ends inside `part`.
  case truncated(file: String, part: String)
  /// A count that the file is too small for.
  case impossibleCount(file: String, part: String, count: UInt64)
  /// Metadata that make no sense: a value type that does not exist, a key twice, lists of lists too deep, text not UTF-8.
  case metadata(file: String, key: String, problem: String)
  /// Metadata that are needed.
  case missingKey(file: String, key: String)
  /// A tensor whose name, shape, type or place is wrong.
  case tensor(file: String, tensor: String, problem: String)
  /// A tensor of a type that is not decoded.
  case unsupportedType(file: String, tensor: String, type: String)
  /// A part of a model in several files that is not the first, or is not named as one.
  case notFirstPart(file: String, first: String)
  /// There is no tensor of that name.
  case missingTensor(file: String, tensor: String)
  /// A model that is not converted.
  case unsupportedArchitecture(file: String, architecture: String, supported: [String])
  /// A model of a supported architecture with a part that is not converted.
  case unsupportedFeature(file: String, feature: String)
  /// A tokenizer that is not converted.
  case unsupportedTokenizer(file: String, tokenizer: String, supported: [String])

  /// The failure in a sentence.
  public var description: String {
    switch self {
    case .notGGUF(let file): "\(file) is not a GGUF file"
    case .version(let file, let version):
      "\(file): GGUF version \(version) is not read, only 2 and 3 in little-endian order"
    case .truncated(let file, let part): "\(file) ends inside \(part): the file is cut off"
    case .impossibleCount(let file, let part, let count): "\(file) claims \(count) \(part), more than it can hold"
    case .metadata(let file, let key, let problem): "\(file): metadata \(key): \(problem)"
    case .missingKey(let file, let key): "\(file): the metadata \(key) is missing"
    case .tensor(let file, let tensor, let problem): "\(file): \(tensor): \(problem)"
    case .unsupportedType(let file, let tensor, let type):
      "\(file): \(tensor) has the type \(type), which is not decoded"
    case .notFirstPart(let file, _): "\(file) is a part of a model in several files, but not the first by its name"
    case .missingTensor(let file, let tensor): "\(file): there is no tensor \(tensor)"
    case .unsupportedArchitecture(let file, let architecture, _):
      "\(file): architecture \(architecture) is not supported"
    case .unsupportedFeature(let file, let feature):
      "\(file): \(feature) is not supported"
    case .unsupportedTokenizer(let file, let tokenizer, _):
      "\(file): tokenizer \(tokenizer) is not converted"
    }
  }

  /// What the reader can do about it.
  public var remedy: String {
    switch self {
    case .notGGUF: "name a directory that holds config.json, a .gguf file, or ORG/NAME of the hub"
    case .version: "convert the model again"
    case .notFirstPart(_, let first): "name the first part, which ends in \(first), with the others beside it"
    case .unsupportedType: "use a file with the types \(GGUFType.allCases.map(\.name).joined(separator: ", "))"
    case .unsupportedArchitecture(_, _, let supported):
      "use a model of the architectures \(supported.joined(separator: ", "))"
    case .unsupportedFeature: "use the model's Hugging Face directory"
    case .unsupportedTokenizer(_, _, let supported):
      "use the model's Hugging Face directory, or one of the tokenizers \(supported.joined(separator: ", "))"
    default: "download the file again; it is damaged or not what its name says"
    }
  }
}

extension GGUFError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What the reader can do about it.
  public var recoverySuggestion: String? { remedy }
}
