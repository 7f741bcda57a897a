public import Foundation

/// Why a chat template cannot be read or rendered, and where.
public struct TemplateError: Error, Equatable, CustomStringConvertible {
  /// What kind of failure it is.
  public enum Kind: Sendable, Equatable {
    /// The template is not valid.
    case syntax
    /// The template met a value it cannot handle.
    case evaluation
    /// The template itself refused the messages with `raise_exception`.
    case raised
  }

  /// What kind of failure it is.
  public var kind: Kind
  /// What is wrong.
  public var reason: String
  /// Line in the template, from 1.
  public var line: Int
  /// Column in the template, from 1.
  public var column: Int

  /// The message with its place.
  public var description: String {
    kind == .raised
      ? "the chat template refuses the messages: \(reason)"
      : "the chat template fails at line \(line), column \(column): \(reason)"
  }

  /// What to do about it.
  public var remedy: String {
    switch kind {
    case .syntax: "check chat_template.jinja, or chat_template in tokenizer_config.json"
    case .evaluation: "check that the messages have the fields that the template reads"
    case .raised: "change the messages as the template asks"
    }
  }

  init(_ kind: Kind, _ reason: String, _ place: TemplatePlace) {
    self.kind = kind
    self.reason = reason
    line = place.line
    column = place.column
  }
}

/// A place in a template's source.
struct TemplatePlace: Sendable, Equatable {
  var line = 1
  var column = 1
}

extension TemplateError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What the reader can do about it.
  public var recoverySuggestion: String? { remedy }
}
