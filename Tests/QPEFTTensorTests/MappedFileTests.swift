import Foundation
import QPEFTTensor
import Testing

@Suite("A mapped file", .serialized)
struct MappedFileTests {
  let directory = FileManager.default.temporaryDirectory.appendingPathComponent("qpeft-\(UUID().uuidString)")

  @Test func `shows the bytes of the file, also after its pages were released`() throws {
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let path = directory.appendingPathComponent("a").path
    let bytes = (0..<20_000).map { UInt8(truncatingIfNeeded: $0) }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    let file = try MappedFile(path: path)
    #expect(file.bytes.elementsEqual(bytes))
    file.release(0..<bytes.count)
    #expect(file.bytes.elementsEqual(bytes))
  }

  @Test func `may be empty`() throws {
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let path = directory.appendingPathComponent("empty").path
    try Data().write(to: URL(fileURLWithPath: path))
    #expect(try MappedFile(path: path).bytes.isEmpty)
  }

  @Test func `that is missing or a directory is a typed error with the path`() throws {
    #expect(throws: MappedFileError.cannotOpen(path: "/nowhere/at/all", reason: "No such file or directory")) {
      try MappedFile(path: "/nowhere/at/all")
    }
    #expect(throws: MappedFileError.notAFile(path: "/")) { try MappedFile(path: "/") }
  }
}
