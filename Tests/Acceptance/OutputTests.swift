import Foundation
import Testing

/// Where results go, and what is said where they cannot.
@Suite("Outputs that cannot be written") struct OutputTests {
  @Test func `a standard output that takes nothing is an error, not a success`() throws {
    let model = try DemoModel.quantized()
    for arguments in [["inspect", model], ["tokenize", "--model", model]] {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: Command.path)
      process.arguments = arguments
      let errors = Pipe()
      process.standardInput = Pipe().closedForWriting("hello\n")
      process.standardOutput = FileHandle(forWritingAtPath: "/dev/full")
      process.standardError = errors
      try process.run()
      let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      #expect(process.terminationStatus == 1, "\(arguments)")
      #expect(said.contains("error: the standard output: the disk is full\nremedy: "), "\(said)")
    }
  }

  @Test func `quantizing into the current directory is refused before the work`() throws {
    let folder = try TemporaryDirectory()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Command.path)
    process.arguments = ["quantize", DemoModel.source, "--output", "."]
    process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    let errors = Pipe()
    process.standardError = errors
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 1 && said.contains("current directory"), "\(said)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }
}

extension Pipe {
  /// The pipe, holding a text and then its end.
  fileprivate func closedForWriting(_ text: String) -> Pipe {
    fileHandleForWriting.write(Data(text.utf8))
    fileHandleForWriting.closeFile()
    return self
  }
}
