public import Foundation

/// Why a tokenizer cannot be read or does not fit; each case names the thing.
public enum TokenizerError: Error, Equatable, CustomStringConvertible {
  /// A file that cannot be read.
  case unreadable(path: String, reason: String)
  /// A file that is no JSON; the reason holds line and column.
  case malformedJSON(file: String, reason: String)
  /// A part of the tokenizer file that is missing or of the wrong kind.
  case malformed(file: String, part: String, reason: String)
  /// A kind of model, normalizer, pre-tokenizer, post-processor or decoder that qpeft does not know.
  case unsupported(part: String, kind: String)
  /// A regular expression outside of what published tokenizers use.
  case unsupportedPattern(pattern: String, reason: String)
  /// A merge rule that names a token the vocabulary lacks.
  case mergeOutsideVocabulary(rank: Int, token: String)
  /// The largest id of the tokenizer lies outside of the model's vocabulary.
  case vocabularyMismatch(token: String, id: Int, modelSize: Int)
  /// A special token that the configuration names and the vocabulary lacks.
  case unknownSpecialToken(String, role: String)
  /// A directory without a tokenizer.
  case missingFile(directory: String, file: String)

  /// What happened.
  public var description: String {
    switch self {
    case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
    case .malformedJSON(let file, let reason): "\(file) is not valid JSON: \(reason)"
    case .malformed(let file, let part, let reason): "\(file): \(part) \(reason)"
    case .unsupported(let part, let kind):
      "the tokenizer has a \(part) of kind '\(kind)', which qpeft does not know"
    case .unsupportedPattern(let pattern, let reason): "the pattern \(pattern) has \(reason)"
    case .mergeOutsideVocabulary(let rank, let token):
      "merge \(rank) of the tokenizer names '\(token)', which its vocabulary lacks"
    case .vocabularyMismatch(let token, let id, let modelSize):
      "the tokenizer has token '\(token)' with id \(id), but the model's vocabulary ends at \(modelSize - 1)"
    case .unknownSpecialToken(let token, let role): "the \(role) token '\(token)' is not in the tokenizer's vocabulary"
    case .missingFile(let directory, let file): "\(directory) has no \(file)"
    }
  }

  /// What to do about it.
  public var remedy: String {
    switch self {
    case .unreadable: "check the path and its permissions"
    case .malformedJSON, .malformed, .mergeOutsideVocabulary:
      "fetch the tokenizer files of the model again; they must come from one and the same model"
    case .unsupported, .unsupportedPattern:
      "convert the tokenizer to one of the kinds in Docs/Text.md, or use a model that has one"
    case .vocabularyMismatch, .unknownSpecialToken:
      "use the tokenizer files that belong to this model, or the model that belongs to this tokenizer"
    case .missingFile: "copy it from the model's original directory"
    }
  }
}

extension TokenizerError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What the reader can do about it.
  public var recoverySuggestion: String? { remedy }
}
