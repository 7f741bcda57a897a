internal import CZlib
internal import Foundation

/// Inflates gzip files, of one member or several, into a file without a name, which is then mapped: memory stays small
/// however large the contents are, and nothing is left behind.
enum GzipFile {
  static let magic: [UInt8] = [0x1F, 0x8B]
  private static let chunk = 1 << 20
  /// Contents beyond this may not be more than `mostGrowth` times the file: text shrinks to a third or a tenth, a bomb to
  /// a thousandth.
  private static let harmless = 1 << 26
  private static let mostGrowth = 200

  static func inflate(_ file: Data, path: String) throws(DatasetError) -> Data {
    let output = try NamelessFile(for: path)
    let result = file.withUnsafeBytes { raw in
      Result { () throws(DatasetError) in try inflate(raw.bindMemory(to: UInt8.self), into: output, path: path) }
    }
    try result.get()
    return try output.mapped()
  }

  private static func inflate(
    _ input: UnsafeBufferPointer<UInt8>, into output: NamelessFile, path: String
  ) throws(DatasetError) {
    var stream = z_stream()
    let gzipOnly: Int32 = 15 + 16
    guard inflateInit2_(&stream, gzipOnly, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw .gzip(path: path, reason: "zlib cannot be started")
    }
    defer { inflateEnd(&stream) }
    let limit = max(harmless, input.count.multipliedReportingOverflow(by: mostGrowth).partialValue)
    var buffer = [UInt8](repeating: 0, count: chunk)
    var consumed = 0
    var produced = 0
    while true {
      let step = buffer.withUnsafeMutableBufferPointer { buffer in
        stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress.map { $0 + consumed })
        let given = min(input.count - consumed, chunk)
        stream.avail_in = UInt32(given)
        stream.next_out = buffer.baseAddress
        stream.avail_out = UInt32(chunk)
        let status = CZlib.inflate(&stream, Z_NO_FLUSH)
        return (status: status, read: given - Int(stream.avail_in), written: chunk - Int(stream.avail_out))
      }
      consumed += step.read
      produced += step.written
      if produced > limit { throw .inflatesTooFar(path: path, limit: limit) }
      try output.append(buffer[..<step.written])
      switch step.status {
      case Z_STREAM_END:
        // Padding with zeros may follow the last member, and another member may follow any.
        while consumed < input.count, input[consumed] == 0 { consumed += 1 }
        if consumed == input.count { return }
        guard inflateReset(&stream) == Z_OK else { throw .gzip(path: path, reason: "zlib cannot go on") }
      case Z_OK: break
      case Z_BUF_ERROR: throw .gzip(path: path, reason: "it ends in the middle")
      default:
        throw .gzip(path: path, reason: stream.msg.map { String(cString: $0) } ?? "error \(step.status) of zlib")
      }
    }
  }
}

/// A temporary file that has no name from its first byte on: it is gone when nobody maps it, also after the process was killed.
private final class NamelessFile {
  private let path: String
  private let descriptor: Int32

  init(for path: String) throws(DatasetError) {
    self.path = path
    var name = Array((NSTemporaryDirectory() + "/qpeft-XXXXXX").utf8CString)
    descriptor = mkstemp(&name)
    guard descriptor >= 0 else { throw .cannotInflate(path: path, reason: String(cString: strerror(errno))) }
    unlink(name)
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  func append(_ bytes: ArraySlice<UInt8>) throws(DatasetError) {
    var rest = bytes
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { throw .cannotInflate(path: path, reason: String(cString: strerror(errno))) }
      rest = rest.dropFirst(written)
    }
  }

  /// Its contents; they stay mapped when the file is closed.
  func mapped() throws(DatasetError) -> Data {
    let count = Int(lseek(descriptor, 0, SEEK_END))
    if count == 0 { return Data() }
    guard count > 0, let place = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), place != MAP_FAILED else {
      throw .cannotInflate(path: path, reason: String(cString: strerror(errno)))
    }
    return Data(bytesNoCopy: place, count: count, deallocator: .custom { munmap($0, $1) })
  }
}
