/// How rows are written in a file.
public enum DataFormat: Hashable, Sendable {
  /// One JSON object a line.
  case jsonLines
  /// One JSON array of objects.
  case jsonArray
  /// Values by RFC 4180, the first record names the columns.
  case csv(delimiter: UInt8)
  /// Plain text: one long document.
  case text

  /// What a file holds by the ending of its name, behind `.gz`; nil for an ending that says nothing.
  public init?(nameOf path: String) {
    let name = path.lowercased()
    switch (name.hasSuffix(".gz") ? name.dropLast(3) : name[...]).split(separator: ".").last ?? "" {
    case "jsonl", "ndjson": self = .jsonLines
    case "json": self = .jsonArray
    case "csv": self = .csv(delimiter: UInt8(ascii: ","))
    case "tsv": self = .csv(delimiter: UInt8(ascii: "\t"))
    case "txt", "text", "md": self = .text
    default: return nil
    }
  }

  /// What a file holds: by its name, else by its first character that is no space. `.json` may be either kind of JSON.
  init(path: String, first bytes: UnsafeBufferPointer<UInt8>) {
    let start = bytes.first { !$0.isJSONSpace && ![0xEF, 0xBB, 0xBF].contains($0) }
    switch (DataFormat(nameOf: path), start) {
    case (.jsonArray?, UInt8(ascii: "[")?), (nil, UInt8(ascii: "[")?): self = .jsonArray
    case (.jsonArray?, _), (nil, UInt8(ascii: "{")?): self = .jsonLines
    case (let format?, _): self = format
    case (nil, _): self = .text
    }
  }
}

extension UInt8 {
  /// Whether it is white space between JSON values.
  var isJSONSpace: Bool { self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09 }
}
