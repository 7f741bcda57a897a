public import Foundation

/// Why a dataset cannot be used; each case names the file, the line where there is one, and what to do.
public enum DatasetError: Error, Equatable, CustomStringConvertible {
  /// The file cannot be read.
  case unreadable(path: String, reason: String)
  /// A line that is not valid UTF-8, at a byte of the line counted from 1.
  case invalidUTF8(file: String, line: Int, byte: Int)
  /// A line that is no JSON.
  case malformedJSON(file: String, line: Int, column: Int, reason: String)
  /// A line that is JSON but no object.
  case notAnObject(file: String, line: Int, found: String)
  /// An object without the fields of any known kind of row.
  case unknownFields(file: String, line: Int, fields: [String])
  /// A field of the wrong type.
  case wrongType(file: String, line: Int, field: String, expected: String, found: String)
  /// A field that is missing beside another that needs it.
  case missingField(file: String, line: Int, field: String)
  /// A field with nothing in it.
  case emptyField(file: String, line: Int, field: String)
  /// Messages for a model that has no chat template.
  case noChatTemplate(file: String, line: Int)
  /// The chat template failed on the messages.
  case template(file: String, line: Int, TemplateError)
  /// The rendered text does not show where an assistant's turn is.
  case turnNotFound(file: String, line: Int, turn: Int)
  /// A row in which no token would be trained.
  case nothingTrained(file: String, line: Int, reason: String)
  /// A file without rows.
  case empty(path: String)

  private var place: String? {
    switch self {
    case .invalidUTF8(let file, let line, _), .malformedJSON(let file, let line, _, _),
      .notAnObject(let file, let line, _), .unknownFields(let file, let line, _),
      .wrongType(let file, let line, _, _, _), .missingField(let file, let line, _),
      .emptyField(let file, let line, _), .noChatTemplate(let file, let line), .template(let file, let line, _),
      .turnNotFound(let file, let line, _), .nothingTrained(let file, let line, _):
      "\(file), line \(line)"
    case .unreadable, .empty: nil
    }
  }

  /// What happened, and where.
  public var description: String { place.map { "\($0): \(reason)" } ?? reason }

  private var reason: String {
    switch self {
    case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
    case .invalidUTF8(_, _, let byte): "invalid UTF-8 at byte \(byte) of the line"
    case .malformedJSON(_, _, let column, let reason): "not valid JSON: \(reason) at column \(column)"
    case .notAnObject(_, _, let found): "the row is \(found), not an object"
    case .unknownFields(_, _, let fields):
      "the row has \(fields.isEmpty ? "no fields" : "the fields " + fields.map { "'\($0)'" }.joined(separator: ", "))"
    case .wrongType(_, _, let field, let expected, let found): "'\(field)' is \(found), not \(expected)"
    case .missingField(_, _, let field): "'\(field)' is missing"
    case .emptyField(_, _, let field): "'\(field)' is empty"
    case .noChatTemplate: "the row has 'messages', but the model has no chat template"
    case .template(_, _, let error): error.description
    case .turnNotFound(_, _, let turn):
      "the text that the chat template makes does not show where message \(turn) begins and ends"
    case .nothingTrained(_, _, let reason): "no token of the row would be trained: \(reason)"
    case .empty(let path): "\(path) has no rows"
    }
  }

  /// What to do about it.
  public var remedy: String {
    switch self {
    case .unreadable: "check the path and its permissions"
    case .invalidUTF8: "save the file as UTF-8"
    case .malformedJSON: "write one JSON object per line, with line breaks in texts as \\n"
    case .notAnObject, .unknownFields:
      "write rows with \"text\", or \"prompt\" and \"completion\", or \"instruction\" and \"output\", or \"messages\" with roles "
        + "and contents, or \"conversations\""
    case .wrongType, .missingField, .emptyField: "correct the row or remove it"
    case .noChatTemplate:
      "use an instruct model, put a chat_template.jinja beside it, or write rows with \"prompt\" and \"completion\""
    case .template(_, _, let error): error.remedy
    case .turnNotFound: "mark the answers in the template with {% generation %}, or train on all tokens"
    case .nothingTrained: "raise --max-length, or correct or remove the row"
    case .empty: "write one JSON object per line"
    }
  }
}

extension DatasetError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What the reader can do about it.
  public var recoverySuggestion: String? { remedy }
}
