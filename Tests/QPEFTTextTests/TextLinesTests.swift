import Foundation
import QPEFTText
import Testing

@Suite("Lines of text") struct TextLinesTests {
  func read(_ bytes: [UInt8], longest: Int = 1000) throws -> [String] {
    try Fixtures.withTemporaryDirectory { directory in
      let url = URL(fileURLWithPath: "\(directory)/lines")
      try Data(bytes).write(to: url)
      let handle = try FileHandle(forReadingFrom: url)
      defer { try? handle.close() }
      var lines = TextLines(descriptor: handle.fileDescriptor, name: "lines", longestLine: longest)
      var found: [String] = []
      while true {
        do {
          guard let text = try lines.text() else { return found }
          found.append(text)
        } catch let error as TextLineError {
          #expect(error.concernsOneLine && !error.remedy.isEmpty)
          found.append("error: \(error)")
        }
      }
    }
  }

  @Test(
    "lines end with a newline, a carriage return with one, or the file",
    arguments: [
      ("", []), ("a", ["a"]), ("a\n", ["a"]), ("a\r\nb\rc\n", ["a", "b\rc"]), ("\n\na", ["", "", "a"]),
      ("\r\n", [""]), ("\u{FEFF}a\n", ["\u{FEFF}a"]),
    ] as [(String, [String])])
  func ends(text: String, lines: [String]) throws { #expect(try read(Array(text.utf8)) == lines) }

  @Test("what cannot be used is named with its line and byte, and reading goes on behind it")
  func badLines() throws {
    let bytes =
      Array("ok\na".utf8) + [0xFF, 0x0A] + Array("x\0y\n".utf8) + [0xED, 0xA0, 0x80, 0x0A] + Array("end".utf8)
    #expect(
      try read(bytes) == [
        "ok", "error: lines, line 2: invalid UTF-8 at byte 2 of the line",
        "error: lines, line 3: a zero byte at byte 2 of the line",
        "error: lines, line 4: invalid UTF-8 at byte 1 of the line", "end",
      ])
  }

  @Test("a line above the limit is an error, however long, and takes no memory")
  func longLines() throws {
    let long = [UInt8](repeating: 0x61, count: 3 << 20)
    #expect(
      try read(long + [0x0A, 0x62, 0x0A] + long, longest: 1 << 20) == [
        "error: lines, line 1: longer than 1048576 bytes", "b", "error: lines, line 3: longer than 1048576 bytes",
      ])
    #expect(try read(Array("abcd\nabcde\nx".utf8), longest: 4).map(\.count) == [4, 41, 1])
  }
}
