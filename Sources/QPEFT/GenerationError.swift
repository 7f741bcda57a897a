public import Foundation

/// A text that a model cannot go on from.
public enum GenerationError: Error, Equatable, CustomStringConvertible {
  /// A prompt without tokens.
  case emptyPrompt
  /// A prompt that leaves no room in the model's context.
  case promptTooLong(tokens: Int, context: Int)

  /// The failure in a sentence.
  public var description: String {
    switch self {
    case .emptyPrompt: "the prompt has no tokens"
    case .promptTooLong(let tokens, let context):
      "the prompt has \(tokens) tokens, the model's context is \(context)"
    }
  }

  /// What the reader can do about it.
  public var remedy: String {
    switch self {
    case .emptyPrompt: "give a prompt"
    case .promptTooLong(_, let context):
      "shorten the prompt (of a conversation all that was said) to \(context - 1) tokens at most"
    }
  }
}

extension GenerationError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What the reader can do about it.
  public var recoverySuggestion: String? { remedy }
}
