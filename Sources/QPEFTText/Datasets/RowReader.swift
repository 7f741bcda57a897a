internal import QPEFTJSON

/// Turns the bytes of a row into what it says.
struct RowReader: Sendable {
  let file: String
  let format: DataFormat
  let options: DatasetOptions
  /// Names of a CSV file's columns.
  private let header: [String]

  /// Longer rows are refused before they are read: no row of text is as large, and a file without line ends is one row.
  static let mostBytes = 1 << 26

  /// A reader for rows of `file`; takes the first record of a CSV file off `scanner` as its header.
  init(
    _ bytes: UnsafeBufferPointer<UInt8>, _ scanner: inout RecordScanner, file: String, format: DataFormat,
    options: DatasetOptions
  ) throws(DatasetError) {
    self.file = file
    self.format = format
    self.options = options
    guard case .csv(let delimiter) = format, let record = try scanner.next(in: bytes) else {
      header = []
      return
    }
    header = try Self.cells(bytes, record, delimiter, file: file)
    var names: Set<String> = []
    for (index, name) in header.enumerated() where name.isEmpty || !names.insert(name).inserted {
      let reason = name.isEmpty ? "column \(index + 1) has no name" : "the column '\(name)' comes twice"
      throw .malformedCSV(file: file, line: record.line, reason: reason)
    }
  }

  /// The row in a record.
  func row(
    _ bytes: UnsafeBufferPointer<UInt8>, _ record: RecordScanner.Record
  ) throws(DatasetError) -> DatasetRow {
    guard record.range.count <= Self.mostBytes else {
      throw .rowTooLong(file: file, line: record.line, bytes: record.range.count, limit: Self.mostBytes)
    }
    let object: JSONObject
    if case .csv(let delimiter) = format {
      object = try self.object(try Self.cells(bytes, record, delimiter, file: file), line: record.line)
    } else {
      object = try self.object(UnsafeBufferPointer(rebasing: bytes[record.range]), line: record.line)
    }
    return try DatasetRow(try mapped(object, line: record.line), options, file: file, line: record.line)
  }

  /// A part of a plain text.
  func text(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, line: Int) throws(DatasetError) -> String {
    let bytes = try Self.checked(UnsafeBufferPointer(rebasing: bytes[range]), file: file, line: line)
    return String(decoding: bytes, as: UTF8.self)
  }

  // MARK: JSON

  private func object(_ bytes: UnsafeBufferPointer<UInt8>, line: Int) throws(DatasetError) -> JSONObject {
    if let position = UTF8Validation.firstInvalid(in: bytes) {
      throw Self.invalidUTF8(bytes, position, file: file, line: line)
    }
    let value: JSONValue
    do {
      value = try JSONValue(parsing: bytes)
    } catch {
      throw .malformedJSON(file: file, line: line + error.line - 1, column: error.column, reason: error.reason)
    }
    guard case .object(let object) = value else { throw .notAnObject(file: file, line: line, found: value.kind) }
    return object
  }

  /// The error of bytes that begin on `line` and are no UTF-8 from `position` on.
  static func invalidUTF8(
    _ bytes: UnsafeBufferPointer<UInt8>, _ position: Int, file: String, line: Int
  ) -> DatasetError {
    let before = bytes[..<position]
    let column = position - (before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0)
    return .invalidUTF8(file: file, line: line + before.count { $0 == 0x0A }, byte: column + 1)
  }

  /// Text as it is, checked: UTF-8 and no NUL.
  private static func checked(
    _ bytes: UnsafeBufferPointer<UInt8>, file: String, line: Int
  ) throws(DatasetError) -> UnsafeBufferPointer<UInt8> {
    if let position = UTF8Validation.firstInvalid(in: bytes) {
      throw invalidUTF8(bytes, position, file: file, line: line)
    }
    if let position = bytes.firstIndex(of: 0) {
      throw .nulByte(file: file, line: line + bytes[..<position].count { $0 == 0x0A })
    }
    return bytes
  }

  // MARK: CSV

  private static func cells(
    _ bytes: UnsafeBufferPointer<UInt8>, _ record: RecordScanner.Record, _ delimiter: UInt8, file: String
  ) throws(DatasetError) -> [String] {
    guard record.range.count <= mostBytes else {
      throw .rowTooLong(file: file, line: record.line, bytes: record.range.count, limit: mostBytes)
    }
    let bytes = try checked(UnsafeBufferPointer(rebasing: bytes[record.range]), file: file, line: record.line)
    do { return try CSVRecord.values(bytes, delimiter: delimiter) } catch {
      throw .malformedCSV(file: file, line: record.line, reason: error.reason)
    }
  }

  /// Lists of messages and of tools, and objects, stand in a cell as JSON.
  private static let structured: Set<String> = [
    "messages", "conversations", "tools", "chosen", "rejected", "chat_template_kwargs",
  ]

  private func object(_ cells: [String], line: Int) throws(DatasetError) -> JSONObject {
    guard cells.count == header.count else {
      let reason = "it has \(cells.count) values, the header names \(header.count) columns"
      throw .malformedCSV(file: file, line: line, reason: reason)
    }
    var members: [(key: String, value: JSONValue)] = []
    for (name, cell) in zip(header, cells) {
      let field = options.columns.first { $0.value == name }?.key ?? name
      if cell.isEmpty, DatasetOptions.optionalFields.contains(field) { continue }
      let opening = UInt8(ascii: field == "chat_template_kwargs" ? "{" : "[")
      if Self.structured.contains(field), cell.utf8.first == opening {
        do { members.append((name, try JSONValue(parsing: cell))) } catch {
          throw .malformedJSON(file: file, line: line, column: error.column, reason: "'\(name)': \(error.reason)")
        }
      } else {
        members.append((name, .string(cell)))
      }
    }
    return JSONObject(members)
  }

  // MARK: Columns

  /// The row under the names that are known here. Where columns are named, no others count but those that may
  /// stand beside any.
  private func mapped(_ object: JSONObject, line: Int) throws(DatasetError) -> JSONObject {
    if options.columns.isEmpty { return object }
    var result = JSONObject()
    for name in DatasetOptions.optionalFields where name != "input" {
      if let value = object[name] { result[name] = value }
    }
    for (field, column) in options.columns.sorted(by: { $0.key < $1.key }) {
      if let value = object[column] {
        result[field] = value
      } else if !DatasetOptions.optionalFields.contains(field) {
        throw .missingField(file: file, line: line, field: column)
      }
    }
    return result
  }
}
