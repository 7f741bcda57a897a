/// A text on its way through the tokenizer, and where each of its bytes comes from in the text as given.
struct MappedText {
  var bytes: [UInt8]
  /// For each byte, and for the end, the offset in the text as given; nil while every byte stands `base` further there.
  private(set) var origins: [Int32]?
  private(set) var base: Int

  init(bytes: [UInt8], base: Int) {
    self.bytes = bytes
    self.base = base
  }

  /// The place in the text as given of an offset in this one (0...count).
  @inline(__always)
  func origin(of offset: Int) -> Int {
    if let origins { return Int(origins[offset]) }
    return base + offset
  }

  /// Puts a changed text together.
  struct Builder {
    private var bytes: [UInt8] = []
    private var origins: [Int32] = []

    init(like text: MappedText) {
      bytes.reserveCapacity(text.bytes.count + 16)
      origins.reserveCapacity(text.bytes.count + 17)
    }

    var count: Int { bytes.count }

    mutating func copy(_ range: Range<Int>, of text: MappedText) {
      bytes.append(contentsOf: text.bytes[range])
      for offset in range { origins.append(Int32(text.origin(of: offset))) }
    }

    /// Appends a scalar that stands for something at `offset` of the text before the change.
    mutating func append(_ scalar: UInt32, from offset: Int, of text: MappedText) {
      let start = bytes.count
      UTF8Coding.append(scalar, to: &bytes)
      for _ in start..<bytes.count { origins.append(Int32(text.origin(of: offset))) }
    }

    mutating func append(_ content: [UInt8], from offset: Int, of text: MappedText) {
      bytes += content
      for _ in content { origins.append(Int32(text.origin(of: offset))) }
    }

    /// The new text; `end` is where its end stands in the text before the change, by default at the end.
    consuming func finish(_ text: MappedText, end: Int? = nil) -> MappedText {
      var result = MappedText(bytes: bytes, base: text.base)
      origins.append(Int32(text.origin(of: end ?? text.bytes.count)))
      result.origins = origins
      return result
    }
  }
}
