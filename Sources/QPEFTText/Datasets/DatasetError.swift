public import Foundation

/// Why a dataset cannot be used; each case names the file, the line where there is one, and what to do.
public enum DatasetError: Error, Equatable, CustomStringConvertible {
  /// The file cannot be read.
  case unreadable(path: String, reason: String)
  /// A pipe or a device.
  case notRegular(path: String)
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
  /// A chat of more answers, for its length, than are looked for.
  case tooManyTurns(file: String, line: Int, turns: Int)
  /// A row in which no token would be trained.
  case nothingTrained(file: String, line: Int, reason: String)
  /// A row of more bytes than any text has.
  case rowTooLong(file: String, line: Int, bytes: Int, limit: Int)
  /// A byte 0 where text should be.
  case nulByte(file: String, line: Int)
  /// A record that is no CSV, or does not fit the header.
  case malformedCSV(file: String, line: Int, reason: String)
  /// A preference pair, where it was not said what to do with them.
  case preferencePair(file: String, line: Int)
  /// A preference pair whose sides are the same.
  case sameAnswers(file: String, line: Int)
  /// A row that is no longer in its file as it was.
  case changed(file: String, line: Int)
  /// A gzip file that is damaged.
  case gzip(path: String, reason: String)
  /// A gzip file whose contents are too many times its size to be text.
  case inflatesTooFar(path: String, limit: Int)
  /// There is no room for the contents of a gzip file.
  case cannotInflate(path: String, reason: String)
  /// A file without rows.
  case empty(path: String)
  /// A text of less than two tokens: nothing in it can be predicted.
  case textTooShort(path: String)

  /// The line it is about, if there is one.
  public var line: Int? { place?.line }

  private var place: (file: String, line: Int)? {
    switch self {
    case .invalidUTF8(let file, let line, _), .malformedJSON(let file, let line, _, _),
      .notAnObject(let file, let line, _), .unknownFields(let file, let line, _),
      .wrongType(let file, let line, _, _, _), .missingField(let file, let line, _),
      .emptyField(let file, let line, _), .noChatTemplate(let file, let line), .template(let file, let line, _),
      .turnNotFound(let file, let line, _), .tooManyTurns(let file, let line, _),
      .nothingTrained(let file, let line, _),
      .rowTooLong(let file, let line, _, _), .nulByte(let file, let line), .malformedCSV(let file, let line, _),
      .preferencePair(let file, let line), .sameAnswers(let file, let line), .changed(let file, let line):
      (file, line)
    case .unreadable, .notRegular, .empty, .textTooShort, .gzip, .inflatesTooFar, .cannotInflate: nil
    }
  }

  /// What happened, and where.
  public var description: String { place.map { "\($0.file), line \($0.line): \(reason)" } ?? reason }

  /// What happened, without the place.
  var reason: String {
    switch self {
    case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
    case .notRegular(let path): "\(path) is a pipe or a device, not a regular file"
    case .invalidUTF8(_, _, let byte): "invalid UTF-8 at byte \(byte) of the line"
    case .malformedJSON(_, _, let column, let reason): "not valid JSON: \(reason) at column \(column)"
    case .notAnObject(_, _, let found): "the row is \(found), not an object"
    case .unknownFields(_, _, let fields):
      "the row has \(fields.isEmpty ? "no fields" : "the fields " + fields.prefix(10).map { "'\($0)'" }.joined(separator: ", "))"
        + (fields.count > 10 ? " and \(fields.count - 10) more" : "")
    case .wrongType(_, _, let field, let expected, let found): "'\(field)' is \(found), not \(expected)"
    case .missingField(_, _, let field): "'\(field)' is missing"
    case .emptyField(_, _, let field): "'\(field)' is empty"
    case .noChatTemplate: "the row has 'messages', but the model has no chat template"
    case .template(_, _, let error): error.description
    case .turnNotFound(_, _, let turn):
      "the text that the chat template makes does not show where message \(turn) begins and ends"
    case .tooManyTurns(_, _, let turns): "the chat has \(turns) answers, too many for so long a text"
    case .nothingTrained(_, _, let reason): "no token of the row would be trained: \(reason)"
    case .rowTooLong(_, _, let bytes, let limit): "the row has \(bytes) bytes, the limit is \(limit)"
    case .nulByte: "a byte 0 in the text"
    case .malformedCSV(_, _, let reason): "not valid CSV: \(reason)"
    case .preferencePair: "the row is a preference pair ('chosen' and 'rejected')"
    case .sameAnswers: "'chosen' and 'rejected' are the same"
    case .changed: "the row is no longer what it was when the file was first read"
    case .gzip(let path, let reason): "cannot read \(path) as gzip: \(reason)"
    case .inflatesTooFar(let path, let limit): "\(path) holds more than \(limit) bytes, too many for its size"
    case .cannotInflate(let path, let reason): "cannot inflate \(path) into a temporary file: \(reason)"
    case .empty(let path): "\(path) has no rows"
    case .textTooShort(let path): "\(path) has no text of two tokens or more"
    }
  }

  /// What to do about it.
  public var remedy: String {
    switch self {
    case .unreadable: "check the path and its permissions"
    case .notRegular: "write the data into a file first: it is read more than once"
    case .invalidUTF8: "save the file as UTF-8"
    case .malformedJSON: "write one JSON object per line, with line breaks in texts as \\n"
    case .notAnObject, .unknownFields:
      "write rows with \"text\", or \"prompt\" and \"completion\", or \"instruction\" and \"output\", or \"messages\" with roles "
        + "and contents, or \"conversations\"; other names can be mapped with --columns prompt=NAME,completion=NAME"
    case .wrongType, .missingField, .emptyField: "correct the row or remove it"
    case .noChatTemplate:
      "use an instruct model, put a chat_template.jinja beside it, or write rows with \"prompt\" and \"completion\""
    case .template(_, _, let error): error.remedy
    case .turnNotFound: "mark the answers in the template with {% generation %}, or train on all tokens"
    case .tooManyTurns: "write it as several rows, or train on the last answer or all tokens"
    case .nothingTrained: "raise --max-length, or correct or remove the row"
    case .rowTooLong: "write one row per line, and long texts as several rows"
    case .nulByte: "save the file as UTF-8 text"
    case .malformedCSV:
      "write CSV by RFC 4180: a header, then as many values in every row, texts with quotes in quotes"
    case .preferencePair: "train on the chosen answers with --use-chosen"
    case .sameAnswers: "correct the row or remove it"
    case .changed: "leave data files as they are while a run reads them"
    case .gzip: "download the file again, or inflate it with gunzip"
    case .inflatesTooFar: "if it is what it should be, inflate it with gunzip first"
    case .cannotInflate: "free space on the disk, or set TMPDIR to a folder on a larger one"
    case .empty(let path):
      switch DataFormat(nameOf: path) {
      case .csv?: "write records below the header"
      case .text?: "write text into the file"
      case .jsonLines?, .jsonArray?, nil: "write one JSON object per line"
      }
    case .textTooShort: "name a file with a longer text"
    }
  }
}

extension DatasetError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What the reader can do about it.
  public var recoverySuggestion: String? { remedy }
}
