/// The values of one CSV record, by RFC 4180: a value in quotes may hold delimiters, line ends and doubled quotes.
enum CSVRecord {
  /// What is wrong with a record.
  struct Problem: Error {
    var reason: String
  }

  static func values(_ bytes: UnsafeBufferPointer<UInt8>, delimiter: UInt8) throws(Problem) -> [String] {
    let quote = UInt8(ascii: "\"")
    var values: [String] = []
    var position = 0
    while true {
      var value: [UInt8] = []
      if position < bytes.count, bytes[position] == quote {
        position += 1
        while true {
          guard position < bytes.count else { throw Problem(reason: "a quote is opened and not closed") }
          if bytes[position] == quote {
            position += 1
            guard position < bytes.count, bytes[position] == quote else { break }
          }
          value.append(bytes[position])
          position += 1
        }
        guard position == bytes.count || bytes[position] == delimiter else {
          throw Problem(reason: "text follows a closing quote in value \(values.count + 1)")
        }
      } else {
        while position < bytes.count, bytes[position] != delimiter {
          if bytes[position] == quote { throw Problem(reason: "a quote inside of the bare value \(values.count + 1)") }
          value.append(bytes[position])
          position += 1
        }
      }
      values.append(String(decoding: value, as: UTF8.self))
      if position >= bytes.count { return values }
      position += 1
    }
  }
}
