internal import Foundation
internal import QPEFTFormats

/// A checksum over blocks of 64 bytes.
protocol Digest {
  init()
  /// Takes one block of 64 bytes.
  mutating func process(_ block: UnsafeRawBufferPointer)
  /// The state as hexadecimal digits.
  var hex: String { get }
}

extension Digest {
  /// The bits of a word, moved to the right and in again at the left.
  @inline(__always)
  static func rotated(_ word: UInt32, _ count: UInt32) -> UInt32 { word >> count | word << (32 - count) }

  static func hex(_ word: UInt32) -> String {
    let digits = String(word, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }

  /// The checksum of a file's bytes, with `prefix` before them.
  static func checksum(ofFile path: String, prefix: [UInt8] = []) throws(FileError) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError.last("read", path) }
    defer { close(descriptor) }
    var digest = Self(), rest = prefix, total = prefix.count
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      let count = read(descriptor, buffer.baseAddress, buffer.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw FileError.last("read", path) }
      if count == 0 { break }
      total += count
      digest.take(UnsafeRawBufferPointer(rebasing: buffer[..<count]), rest: &rest)
    }
    digest.finish(rest, total: total)
    return digest.hex
  }

  /// Takes whole blocks; what is left over stays in `rest`.
  private mutating func take(_ bytes: UnsafeRawBufferPointer, rest: inout [UInt8]) {
    var at = 0
    if !rest.isEmpty {
      at = min((64 - rest.count % 64) % 64, bytes.count)
      rest += bytes[..<at]
      guard rest.count % 64 == 0 else { return }
      rest.withUnsafeBytes { whole in
        for start in stride(from: 0, to: whole.count, by: 64) {
          process(UnsafeRawBufferPointer(rebasing: whole[start..<(start + 64)]))
        }
      }
      rest = []
    }
    while bytes.count - at >= 64 {
      process(UnsafeRawBufferPointer(rebasing: bytes[at..<(at + 64)]))
      at += 64
    }
    rest += bytes[at...]
  }

  private mutating func finish(_ rest: [UInt8], total: Int) {
    var tail = rest + [0x80]
    while tail.count % 64 != 56 { tail.append(0) }
    for shift in stride(from: 56, through: 0, by: -8) { tail.append(UInt8(truncatingIfNeeded: (total << 3) >> shift)) }
    tail.withUnsafeBytes { tail in
      for start in stride(from: 0, to: tail.count, by: 64) {
        process(UnsafeRawBufferPointer(rebasing: tail[start..<(start + 64)]))
      }
    }
  }
}
