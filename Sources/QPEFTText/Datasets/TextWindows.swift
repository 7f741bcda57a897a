/// Cuts a plain text into rows of at most so many tokens, without overlap and between words where it can.
///
/// The text is one document: only the last row ends with the end token. A row's bytes are found by tokenizing a little
/// more than a row holds, so a file of any size is read once, from front to back.
struct TextWindows {
  let length: Int
  private var bytesPerToken = 4.0

  init(length: Int) { self.length = length }

  /// Where the row that starts at `start` ends; `tokens` tells how many tokens a range of bytes has, and where token
  /// number `length` of it ends.
  mutating func end(
    from start: Int, in bytes: UnsafeBufferPointer<UInt8>,
    tokens: (Range<Int>) throws(DatasetError) -> TokenizedText
  ) throws(DatasetError) -> Int {
    var wanted = max(64, Int(bytesPerToken * Double(length)) + 16)
    while true {
      let end = Self.boundary(before: min(start + wanted, bytes.count), after: start, in: bytes)
      let text = try tokens(start..<end)
      if text.ids.count <= length {
        guard end < bytes.count, text.ids.count < length / 2 else {
          bytesPerToken = Double(end - start) / Double(max(1, text.ids.count)) * 1.02
          return end
        }
        wanted *= 2
      } else {
        let limit = start + max(1, text.ranges[length - 1].upperBound)
        bytesPerToken = Double(limit - start) / Double(length)
        let shorter = Self.boundary(before: min(limit, end - 1), after: start, in: bytes)
        // Cut elsewhere, the same text may be a token longer; then the next round starts below, down to one scalar.
        if shorter - start <= 4 { return shorter }
        if try tokens(start..<shorter).ids.count <= length { return shorter }
        wanted = max(1, (shorter - start) * 9 / 10)
      }
    }
  }

  /// The end of the last word in the second half before `limit`; else of the last scalar.
  private static func boundary(before limit: Int, after start: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Int {
    if limit >= bytes.count { return bytes.count }
    var end = limit
    while end > start + (limit - start) / 2 {
      // A space belongs to the word behind it.
      if bytes[end].isJSONSpace, !bytes[end - 1].isJSONSpace { return end }
      end -= 1
    }
    end = limit
    while end > start + 1, bytes[end] & 0xC0 == 0x80 { end -= 1 }
    if end > start + 1 { return end }
    // One scalar at least.
    end = start + 1
    while end < bytes.count, bytes[end] & 0xC0 == 0x80 { end += 1 }
    return end
  }
}
