public import Foundation

/// A model that cannot be written as GGUF.
public enum GGUFExportError: Error, Equatable, CustomStringConvertible {
  /// An architecture that is not converted.
  case architecture(String, supported: [String])
  /// `config.json` does not say what is needed, or says what llama.cpp cannot compute.
  case configuration(key: String, problem: String)
  /// A tensor that llama.cpp's architecture has no place for.
  case tensor(String, problem: String)
  /// A tokenizer that llama.cpp would read differently.
  case tokenizer(problem: String)
  /// A weight is NaN or infinite.
  case notFinite(tensor: String)
  /// A weight is larger than its type of GGUF holds.
  case tooLarge(tensor: String, type: String)
  /// An adapter with something that a GGUF adapter cannot hold.
  case adapter(tensor: String, problem: String)

  /// The failure in a sentence.
  public var description: String {
    switch self {
    case .architecture(let name, let supported):
      "architecture \(name) is not exported, only \(supported.joined(separator: ", "))"
    case .configuration(let key, let problem): "config.json: \(key) \(problem)"
    case .tensor(let name, let problem): "\(name) \(problem)"
    case .tokenizer(let problem): "the tokenizer \(problem)"
    case .notFinite(let tensor): "\(tensor) holds NaN or infinity"
    case .tooLarge(let tensor, let type): "\(tensor) holds a number that is too large for \(type)"
    case .adapter(let tensor, let problem): "\(tensor) \(problem)"
    }
  }

  /// What the reader can do about it.
  public var remedy: String {
    switch self {
    case .architecture, .configuration, .tensor, .tokenizer:
      "merge the model with qpeft merge and convert it with llama.cpp's convert_hf_to_gguf.py"
    case .notFinite: "train or download again; the checkpoint or the adapter is damaged"
    case .tooLarge(_, GGUFType.bf16.name): "export with --type f32"
    case .tooLarge: "export with --type bf16 or f32"
    case .adapter: "export the merged model with qpeft export gguf"
    }
  }
}

extension GGUFExportError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What the reader can do about it.
  public var recoverySuggestion: String? { remedy }
}
