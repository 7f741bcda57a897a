import Foundation
import QPEFTText
import Testing

@Suite("Files of rows") struct DataFormatTests {
  static let jsonLines = """
    {"prompt": "hello, the", "completion": " world"}
    {"prompt": "line\\nbreak", "completion": " \\"quoted\\" words"}
    {"prompt": "", "completion": "h\u{E9}llo"}
    """
  static let contents = [
    "rows.jsonl": jsonLines + "\n",
    "rows": jsonLines,
    "rows.json": "\u{FEFF}[\n"
      + jsonLines.split(separator: "\n").map { String($0) }.joined(separator: ",\n") + "\n ]\n",
    "rows.csv":
      "prompt,completion\r\n\"hello, the\", world\r\n\"line\nbreak\",\" \"\"quoted\"\" words\"\r\n,h\u{E9}llo\r\n",
    "rows.tsv":
      "completion\tprompt\tid\n world\thello, the\t1\n\" \"\"quoted\"\" words\"\t\"line\nbreak\"\t2\nh\u{E9}llo\t\t3",
    "rows.txt": String(repeating: "hello world, the words of a long text.\n", count: 30),
  ]

  /// Writes one of `contents`; a name that ends with `.gz` is what `gzip` makes of it.
  static func write(_ name: String, in directory: String) throws -> String {
    let plain = name.hasSuffix(".gz") ? String(name.dropLast(3)) : name
    let path = "\(directory)/\(plain)"
    try Fixtures.write(try #require(contents[plain]), to: path)
    if plain != name { try gzip(path) }
    return "\(directory)/\(name)"
  }

  static func gzip(_ path: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["gzip", "-f", path]
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }

  @Test(
    "the same rows in any format are the same examples",
    arguments: ["rows", "rows.json", "rows.csv", "rows.tsv", "rows.jsonl.gz", "rows.csv.gz"])
  func sameRows(name: String) throws {
    let chat = try ChatFixture.chat()
    try Fixtures.withTemporaryDirectory { directory in
      let expected = try TokenizedDataset(contentsOf: Self.write("rows.jsonl", in: directory), chat)
      let data = try TokenizedDataset(contentsOf: Self.write(name, in: directory), chat)
      #expect(data.count == 3)
      let indices = [2, 0, 1]
      #expect(
        try data.examples(at: indices).map(\.tokens) == expected.examples(at: indices).map(\.tokens))
      #expect(try data.examples(at: indices).map(\.isTrained) == expected.examples(at: indices).map(\.isTrained))
      #expect(data.digest == expected.digest)
    }
  }

  @Test("rows keep the line on which they begin", arguments: [("rows.json", [2, 3, 4]), ("rows.csv", [2, 3, 5])])
  func lines(name: String, expected: [Int]) throws {
    let chat = try ChatFixture.chat()
    try Fixtures.withTemporaryDirectory { directory in
      let data = try TokenizedDataset(contentsOf: Self.write(name, in: directory), chat)
      #expect((0..<3).map(data.line) == expected)
    }
  }

  @Test(
    "a plain text is cut into rows without loss and without overlap, and only the last one ends",
    arguments: [8, 31, 500])
  func windows(length: Int) throws {
    let chat = try ChatFixture.chat()
    try Fixtures.withTemporaryDirectory { directory in
      let path = try Self.write("rows.txt", in: directory)
      let data = try TokenizedDataset(contentsOf: path, chat, DatasetOptions(maxLength: length))
      let examples = try data.examples(at: Array(0..<data.count))
      let end = try #require(chat.eosID)
      #expect(examples.allSatisfy { $0.tokens.count <= length })
      #expect(examples.dropLast().allSatisfy { !$0.tokens.contains(end) } && examples.last?.tokens.last == end)
      let text = examples.map { chat.tokenizer.decode($0.tokens) }.joined()
      #expect(text == Self.contents["rows.txt"])
      #expect(data.report.truncatedRows == 0 && data.report.rowsWithoutTrainedEnd == 0)
      // Rows are nearly full, or there would be twice as many.
      #expect(data.count <= 2 * data.report.tokens / length + 1)
    }
  }

  static let bad: [(name: String, text: String, error: DatasetError)] = [
    (
      "a.csv", "prompt,completion\na,b\n\"c,d\n",
      .malformedCSV(file: "a.csv", line: 3, reason: "a quote is opened and not closed")
    ),
    (
      "a.csv", "prompt,completion\n\na,b,c\n",
      .malformedCSV(file: "a.csv", line: 3, reason: "it has 3 values, the header names 2 columns")
    ),
    (
      "a.csv", "prompt,completion\n\"a\"b,c\n",
      .malformedCSV(file: "a.csv", line: 2, reason: "text follows a closing quote in value 1")
    ),
    (
      "a.csv", "prompt,completion\na,b\"c\"\n",
      .malformedCSV(file: "a.csv", line: 2, reason: "a quote inside of the bare value 2")
    ),
    (
      "a.csv", "prompt,prompt\na,b\n",
      .malformedCSV(file: "a.csv", line: 1, reason: "the column 'prompt' comes twice")
    ),
    ("a.csv", "prompt,completion\n\"a\n\u{0}\",b\n", .nulByte(file: "a.csv", line: 3)),
    ("a.csv", "prompt,completion\n", .empty(path: "a.csv")),
    ("a.txt", "one\ntwo\u{0}", .nulByte(file: "a.txt", line: 2)),
    (
      "a.json", "[{\"text\": \"a\"},\n {\"text\": \"b\"]",
      .malformedJSON(file: "a.json", line: 2, column: 1, reason: "this element of the array has no end")
    ),
    (
      "a.json", "[{\"text\": \"a\"},\n {\"text\":\n x}]",
      .malformedJSON(file: "a.json", line: 3, column: 2, reason: "unexpected 'x'")
    ),
    (
      "a.json", "[{\"text\": \"a\"}]\n[]",
      .malformedJSON(file: "a.json", line: 2, column: 1, reason: "something follows the end of the array")
    ),
    ("a.json", "[]", .empty(path: "a.json")),
  ]

  @Test("a file that is not what its name says is an error with the line", arguments: bad.indices)
  func badFiles(index: Int) throws {
    let chat = try ChatFixture.chat()
    let (name, text, expected) = Self.bad[index]
    try Fixtures.withTemporaryDirectory { directory in
      try Fixtures.write(text, to: "\(directory)/\(name)")
      let error = #expect(throws: DatasetError.self) { try TokenizedDataset(contentsOf: "\(directory)/\(name)", chat) }
      if case .empty = expected, case .empty = error { return }
      #expect(error == expected)
    }
  }

  @Test("pipes and devices are refused as such")
  func pipes() throws {
    let chat = try ChatFixture.chat()
    try Fixtures.withTemporaryDirectory { directory in
      let pipe = "\(directory)/rows.jsonl"
      #expect(mkfifo(pipe, 0o600) == 0)
      for path in [pipe, "/dev/null"] {
        #expect(throws: DatasetError.notRegular(path: path)) { try TokenizedDataset(contentsOf: path, chat) }
        #expect(throws: DatasetError.notRegular(path: path)) { try PlainText.read(path) }
      }
    }
  }

  @Test("the remedy for a file without rows is one for its kind")
  func remedies() {
    for (path, word) in [
      ("a.csv", "below the header"), ("a.tsv.gz", "below the header"), ("a.txt", "text"), ("a.jsonl", "JSON"),
      ("a.json", "JSON"), ("a", "JSON"),
    ] {
      #expect(DatasetError.empty(path: path).remedy.contains(word), "\(path)")
    }
  }

  @Test("gzip files that end early, are spoiled, or hold a thousand times their size are errors")
  func gzip() throws {
    let chat = try ChatFixture.chat()
    try Fixtures.withTemporaryDirectory { directory in
      let path = try Self.write("rows.jsonl.gz", in: directory)
      let whole = try Data(contentsOf: URL(fileURLWithPath: path))
      func error(_ bytes: Data) throws -> DatasetError? {
        try bytes.write(to: URL(fileURLWithPath: path))
        return #expect(throws: DatasetError.self) { try TokenizedDataset(contentsOf: path, chat) }
      }
      #expect(try error(whole.dropLast(9)) == .gzip(path: path, reason: "it ends in the middle"))
      var spoiled = whole
      spoiled[whole.count - 6] ^= 1
      #expect(try error(spoiled) == .gzip(path: path, reason: "incorrect data check"))
      #expect(try error(whole + Data("more".utf8)) == .gzip(path: path, reason: "incorrect header check"))

      try (whole + whole).write(to: URL(fileURLWithPath: path))
      #expect(try TokenizedDataset(contentsOf: path, chat).count == 6, "two members")

      let bomb = "\(directory)/bomb.jsonl"
      _ = FileManager.default.createFile(atPath: bomb, contents: nil)
      #expect(truncate(bomb, 70_000_000) == 0)
      try Self.gzip(bomb)
      #expect(throws: DatasetError.inflatesTooFar(path: bomb + ".gz", limit: 1 << 26)) {
        try TokenizedDataset(contentsOf: bomb + ".gz", chat)
      }
    }
  }

  @Test("a line of two gigabytes is an error with its number, or is left out")
  func hugeLine() throws {
    let chat = try ChatFixture.chat()
    try Fixtures.withTemporaryDirectory { directory in
      let path = "\(directory)/rows.jsonl"
      try Fixtures.write("{\"text\": \"a b\"}\n{\"text\": \"", to: path)
      let handle = try #require(FileHandle(forUpdatingAtPath: path))
      try handle.seek(toOffset: 1 << 31)
      try handle.write(contentsOf: Data("\"}\n{\"text\": \"c d\"}\n".utf8))
      try handle.close()
      let bytes = 1 << 31 - 16 + 2
      #expect(throws: DatasetError.rowTooLong(file: "rows.jsonl", line: 2, bytes: bytes, limit: 1 << 26)) {
        try TokenizedDataset(contentsOf: path, chat)
      }
      let data = try TokenizedDataset(contentsOf: path, chat, DatasetOptions(skipsBadRows: true))
      #expect((0..<data.count).map(data.line) == [1, 3] && data.report.rejectedRows == 1)
    }
  }

  @Test("many rows read on all cores come in order, and a file that changes is noticed")
  func many() throws {
    let chat = try ChatFixture.chat()
    try Fixtures.withTemporaryDirectory { directory in
      let path = "\(directory)/rows.jsonl"
      let rows = (0..<10_000).map { "{\"prompt\": \"row\", \"completion\": \" \($0)\"}" }
      try Fixtures.write(rows.joined(separator: "\n"), to: path)
      var heard: [Int] = []
      let data = try TokenizedDataset(contentsOf: path, chat) { done, total in
        heard.append(done)
        #expect(total == rows.joined(separator: "\n").utf8.count)
      }
      #expect(heard.count > 1 && heard == heard.sorted())
      #expect((0..<data.count).map(data.line) == Array(1...10_000))
      let texts = try data.examples(at: [9_999, 0, 5_000]).map { chat.tokenizer.decode($0.tokens) }
      #expect(texts == ["row 9999", "row 0", "row 5000"])

      let handle = try #require(FileHandle(forUpdatingAtPath: path))
      try handle.write(contentsOf: Data("{\"prompt\": \"r\u{F6}w".utf8))
      try handle.close()
      #expect(throws: DatasetError.changed(file: "rows.jsonl", line: 1)) { try data.example(at: 0) }
    }
  }

  @Test("a stray quote in a bare value spoils its own row and no other")
  func strayQuotes() throws {
    let chat = try ChatFixture.chat(nil)
    let rows = (1...100).map { $0 == 20 || $0 == 60 ? "a 5\" disk,b\($0)" : "\"a \"\"q\"\", x\ny\",b\($0)" }
    try Fixtures.withTemporaryDirectory { directory in
      let path = "\(directory)/rows.csv"
      try Fixtures.write("prompt,completion\n" + rows.joined(separator: "\n") + "\n", to: path)
      let data = try TokenizedDataset(contentsOf: path, chat, DatasetOptions(skipsBadRows: true))
      #expect(data.count == 98 && data.report.rejectedRows == 2)
      #expect(
        data.rejected
          == [40, 119].map {
            .malformedCSV(file: "rows.csv", line: $0, reason: "a quote inside of the bare value 1")
          })
    }
  }

  @Test("the contents of a gzip file stand in no directory while they are read")
  func nameless() throws {
    let chat = try ChatFixture.chat()
    try Fixtures.withTemporaryDirectory { directory in
      let path = try Self.write("rows.jsonl.gz", in: directory)
      let before = try Set(FileManager.default.contentsOfDirectory(atPath: NSTemporaryDirectory()))
      let data = try TokenizedDataset(contentsOf: path, chat)
      let new = try Set(FileManager.default.contentsOfDirectory(atPath: NSTemporaryDirectory())).subtracting(before)
      #expect(new.filter { $0.hasPrefix("qpeft-") && !$0.hasPrefix("qpeft-formats") && $0.count == 12 }.isEmpty)
      #expect(data.count > 0)
    }
  }
}
