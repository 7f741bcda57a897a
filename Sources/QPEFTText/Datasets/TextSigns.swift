/// Signs in a text that it was not written for this tokenizer.
struct TextSigns: Sendable {
  /// What is remarkable in one text.
  struct Remarks: Sendable {
    /// A mark of chat templates that this tokenizer does not know as a token.
    var foreignMark: String?
    /// Characters that the vocabulary has no token for, each once, in the order of the text; at most `mostNamed`.
    var unwritable: [String] = []
  }

  /// Most unwritable characters that are named.
  static let mostNamed = 20
  /// Most characters of unknown words that are looked at alone.
  private static let mostTests = 256

  private let tokenizer: Tokenizer
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
    self.tokenizer = tokenizer
    self.substitutes = substitutes
    foreign = Self.marks.filter { mark in
      let isToken = tokenizer.id(ofToken: mark).map(tokenizer.isAdded) ?? false
      let isExpected = Self.plain.contains(mark) && template?.source.contains(mark) ?? false
      return !isToken && !isExpected
    }.map { Array($0.utf8) }
  }

  func remarks(on text: String, _ encoded: TokenizedText, _ workspace: inout Tokenizer.Workspace) -> Remarks {
    var remarks = Remarks()
    if !substitutes.isEmpty { remarks.unwritable = unwritable(in: text, encoded, &workspace) }
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

  private func unwritable(
    in text: String, _ encoded: TokenizedText, _ workspace: inout Tokenizer.Workspace
  ) -> [String] {
    guard let first = encoded.ids.firstIndex(where: substitutes.contains) else { return [] }
    let bytes = Array(text.utf8)
    var found: [String] = []
    var (end, tests) = (0, 0)
    for (id, range) in zip(encoded.ids[first...], encoded.ranges[first...]) where substitutes.contains(id) {
      // Bytes of a character whose first one was seen.
      if range.upperBound <= end { continue }
      let characters = Self.characters(around: range, in: bytes)
      end = characters.endIndex
      let part = String(decoding: characters, as: UTF8.self).unicodeScalars
      let isOne = part.count == 1
      // In a word that one character spoils, that one.
      for scalar in part where !scalar.properties.isWhitespace && tests < Self.mostTests {
        let name = String(scalar)
        if found.contains(name) { continue }
        if !isOne { tests += 1 }
        if isOne || isUnwritable(name, &workspace) { found.append(name) }
        if found.count == Self.mostNamed { return found }
      }
    }
    if !found.isEmpty { return found }
    // A word that is too long for the tokenizer, of characters that are not.
    let word = String(decoding: Self.characters(around: encoded.ranges[first], in: bytes), as: UTF8.self)
    return [String(String.UnicodeScalarView(word.unicodeScalars.prefix(Self.mostNamed)))].filter { !$0.isEmpty }
  }

  /// Whole characters: a byte of one that is written byte by byte is a token.
  private static func characters(around range: Range<Int>, in bytes: [UInt8]) -> ArraySlice<UInt8> {
    func isInside(_ index: Int) -> Bool { bytes.indices.contains(index) && bytes[index] & 0xC0 == 0x80 }
    var (start, end) = (range.lowerBound, range.upperBound)
    while isInside(start) { start -= 1 }
    while isInside(end) { end += 1 }
    return bytes[max(0, start)..<min(bytes.count, end)]
  }

  private func isUnwritable(_ character: String, _ workspace: inout Tokenizer.Workspace) -> Bool {
    tokenizer.encode(character, addSpecialTokens: false, &workspace).contains(where: substitutes.contains)
  }
}
