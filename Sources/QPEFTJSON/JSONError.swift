/// Where and why a JSON document cannot be read.
public struct JSONError: Error, Equatable, CustomStringConvertible {
  /// What is wrong there.
  public var reason: String
  /// Bytes before the place.
  public var offset: Int
  /// Line of the place, from 1.
  public var line: Int
  /// Byte column of the place, from 1.
  public var column: Int

  /// The name that stands twice in an object, where that is the failure.
  public var repeatedName: String?

  /// The message with its place.
  public var description: String { "\(reason) at line \(line), column \(column)" }

  init(
    _ reason: String, at offset: Int, in bytes: UnsafeBufferPointer<UInt8>, repeatedName: String? = nil
  ) {
    self.reason = reason
    self.repeatedName = repeatedName
    self.offset = offset
    line = 1
    column = 1
    for byte in bytes.prefix(offset) {
      column += 1
      if byte == UInt8(ascii: "\n") {
        line += 1
        column = 1
      }
    }
  }
}
