import QPEFTJSON
import Testing

@Suite("JSON") struct JSONTests {
  @Test("members keep their order, numbers their kind, escapes their meaning")
  func reads() throws {
    let value = try JSONValue(parsing: #" {"b": [1, -2.5e1, true, null], "a": "\u00e9\n\ud83d\ude00\/", "b2": {}} "#)
    #expect(value.object?.keys == ["b", "a", "b2"])
    #expect(value["b"]?.array?.first?.integer == 1)
    if case .number(let number)? = value["b"]?.array?[1] { #expect(number == -25) } else { Issue.record("no number") }
    #expect(value["a"]?.string == "\u{e9}\n\u{1F600}/")
  }

  @Test("canonically equivalent keys are two keys")
  func equivalentKeys() throws {
    let value = try JSONValue(parsing: "{\"\u{e9}\": 1, \"e\u{301}\": 2}")
    #expect(value.object?.members.count == 2)
    #expect(value["\u{e9}"]?.integer == 1)
  }

  @Test(
    "what is no JSON is an error with line and column",
    arguments: [
      "", "{", "[1,]", "{\"a\" 1}", "{\"a\":1,}", "01", "1.", ".5", "+1", "nul", "\"a", "\"\\x\"", "\"\\u12\"",
      "\"\t\"", "[1] 2",
      "\"\\udc00\"", "\"\\ud800x\"", "{a:1}", "'a'", "[1 2]", "-", "1e", "\u{1}",
    ])
  func refuses(text: String) {
    #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
  }

  @Test("the place of an error is that of the byte")
  func place() {
    #expect {
      try JSONValue(parsing: "{\n  \"a\": ?}")
    } throws: { error in
      (error as? JSONError)?.line == 2 && (error as? JSONError)?.column == 8
    }
  }

  @Test("a thousand levels are refused, not followed")
  func depth() {
    #expect(throws: JSONError.self) { try JSONValue(parsing: String(repeating: "[", count: 100_000)) }
  }

  @Test(
    "bytes that are no UTF-8 are refused",
    arguments: [
      [0x80], [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xC3], [0xFF],
    ])
  func encoding(bytes: [UInt8]) {
    #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22] + bytes + [0x22]) }
  }

  @Test(
    "of a name that stands twice the last wins, or it is an error, in small objects and in large ones",
    arguments: [0, 100])
  func repeats(fill: Int) throws {
    let members = (0..<fill).map { "\"\($0)\": 0, " }.joined()
    let text = "{\"a\": 1, \(members)\"a\": 2}"
    let object = try #require(try JSONValue(parsing: text).object)
    #expect(object.count == fill + 1 && object["a"]?.integer == 2 && object.keys.first == "a")
    #expect { try JSONValue(parsing: text, repeatedNames: .refused) } throws: {
      ($0 as? JSONError)?.repeatedName == "a"
    }
  }

  @Test("values are read and written as Python writes them")
  func writes() throws {
    let text = #"{"a": [1, -2.5, 1e-05, 1e+16, 100000.0, true, false, null], "b": {"c": "\u00fc\n\ud83c\udf31\u007f"}}"#
    #expect(try JSONValue(parsing: text).text() == text)
    let indented = "{\n  \"a\": [\n    1\n  ],\n  \"b\": {},\n  \"c\": []\n}"
    #expect(try JSONValue(parsing: #"{"c":[],"b":{},"a":[1]}"#).text(.indented(sorted: true)) == indented)
    #expect(try JSONValue(parsing: #"[ 1 , "ü" ]"#).text(.compact, keepsUnicode: true) == #"[1,"ü"]"#)
    #expect(try JSONValue(parsing: "[NaN, -Infinity]").text() == "[NaN, -Infinity]")
  }

  @Test("whole numbers beyond 64 bits become floating point, not a trap")
  func largeNumbers() throws {
    #expect(try JSONValue(parsing: "123456789012345678901234567890") == .number(123456789012345678901234567890))
    #expect(try JSONValue(parsing: "9223372036854775807").integer == Int.max)
  }
}
