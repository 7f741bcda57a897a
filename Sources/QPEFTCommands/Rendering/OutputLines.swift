internal import QPEFTJSON

/// Lines for the standard output, written in large pieces; at once where a person looks.
struct OutputLines {
  private var bytes: [UInt8] = []
  private static let piece = 1 << 16

  mutating func line(_ text: String) {
    bytes.append(contentsOf: text.utf8)
    endLine()
  }

  mutating func line(_ value: JSONValue) {
    bytes += value.bytes(.compact, keepsUnicode: true)
    endLine()
  }

  /// Ids as a JSON array.
  mutating func line(_ ids: [Int32]) {
    bytes.append(UInt8(ascii: "["))
    for (index, id) in ids.enumerated() {
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      append(id)
    }
    bytes.append(UInt8(ascii: "]"))
    endLine()
  }

  private mutating func append(_ id: Int32) {
    var rest = id.magnitude
    let start = bytes.count
    repeat {
      bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    bytes[start...].reverse()
  }

  private mutating func endLine() {
    bytes.append(UInt8(ascii: "\n"))
    if bytes.count >= Self.piece || Terminal.standard.isInteractive { flush() }
  }

  mutating func flush() {
    Terminal.standard.write(bytes)
    bytes.removeAll(keepingCapacity: true)
  }
}
