/// Signs in a text that it was not written for this tokenizer.
struct TextSigns: Sendable {
  /// What is remarkable in one text.
  struct Remarks: Sendable {
    /// A mark of chat templates that this tokenizer does not know as a token.
    var foreignMark: String?
    /// The first character that the vocabulary has no token for.
    var unwritable: String?
  }

  /// Ids that stand for what the vocabulary lacks: the unknown token, and bytes that are no control characters.
  private let substitutes: Set<Int32>
  /// Marks of published chat templates that are no tokens here.
  private let foreign: [[UInt8]]

  private static let marks = [
    "<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|eot_id|>", "<start_of_turn>", "<end_of_turn>", "[INST]",
    "[/INST]", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>", "<|endoftext|>", "<｜User｜>", "<｜Assistant｜>",
  ]
  /// Written as plain text by the models that have them: several tokens are what they expect.
  private static let plain: Set<String> = ["[INST]", "[/INST]", "<|user|>", "<|assistant|>", "<|system|>"]

  init(_ tokenizer: Tokenizer, template: ChatTemplate?) {
    var substitutes = Set(tokenizer.unknownID.map { [$0] } ?? [])
    let digits = Array("0123456789ABCDEF")
    for byte in 0x20..<256 {
      if let id = tokenizer.id(ofToken: "<0x\(digits[byte >> 4])\(digits[byte & 15])>") { substitutes.insert(id) }
    }
    self.substitutes = substitutes
    foreign = Self.marks.filter { mark in
      let isToken = tokenizer.id(ofToken: mark).map(tokenizer.isAdded) ?? false
      let isExpected = Self.plain.contains(mark) && template?.source.contains(mark) ?? false
      return !isToken && !isExpected
    }.map { Array($0.utf8) }
  }

  func remarks(on text: String, _ encoded: TokenizedText) -> Remarks {
    var remarks = Remarks()
    if !substitutes.isEmpty, let index = encoded.ids.firstIndex(where: substitutes.contains) {
      remarks.unwritable = Self.character(at: encoded.ranges[index].lowerBound, in: text)
    }
    if foreign.isEmpty { return remarks }
    var text = text
    text.withUTF8 { bytes in
      var position = 0
      while position < bytes.count, remarks.foreignMark == nil {
        if bytes[position] == UInt8(ascii: "<") || bytes[position] == UInt8(ascii: "[") {
          let rest = bytes[position...]
          remarks.foreignMark = foreign.first { rest.starts(with: $0) }.map { String(decoding: $0, as: UTF8.self) }
        }
        position += 1
      }
    }
    return remarks
  }

  private static func character(at offset: Int, in text: String) -> String? {
    let utf8 = text.utf8
    guard let index = utf8.index(utf8.startIndex, offsetBy: offset, limitedBy: utf8.endIndex), index < utf8.endIndex
    else { return nil }
    return String(text.unicodeScalars[index])
  }
}
