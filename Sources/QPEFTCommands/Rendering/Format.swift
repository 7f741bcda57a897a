internal import Foundation
internal import QPEFT

/// Numbers in words for people.
enum Format {
  /// For example `272.3 MB` (powers of 1000).
  static func bytes(_ count: Int) -> String { ByteWords.short(count) }

  /// For example `4,884,480`.
  static func count(_ value: Int) -> String {
    var digits = String(abs(value))
    var groups: [String] = []
    while digits.count > 3 {
      groups.insert(String(digits.suffix(3)), at: 0)
      digits.removeLast(3)
    }
    return (value < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
  }

  /// For example `1 row`, `2 rows`.
  static func count(_ value: Int, _ noun: String) -> String { "\(count(value)) \(noun)\(value == 1 ? "" : "s")" }

  /// For example `42 s`, `3 min 5 s`, `2 h 10 min`.
  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "?" }
    if seconds < 10 { return "\(fixed(seconds, 1)) s" }
    let whole = Int(seconds.rounded())
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    return "\(whole / 3600) h \(whole % 3600 / 60) min"
  }

  /// A fixed number of decimals.
  static func fixed(_ value: Double, _ decimals: Int) -> String { String(format: "%.\(decimals)f", value) }

  /// Few significant digits, for example `0.0002`, `1.5e-05`.
  static func short(_ value: Double) -> String { String(format: "%.3g", value) }

  /// What was found in a data file, in a line.
  static func words(_ finding: DatasetFindings.Finding) -> String {
    finding.message + place(finding.lines) + "; " + finding.remedy
  }

  /// For example ` (line 3)`, ` (lines 3, 7)`, or nothing.
  static func place(_ lines: [Int]) -> String {
    if lines.isEmpty { return "" }
    return (lines.count == 1 ? " (line " : " (lines ") + lines.map(String.init).joined(separator: ", ") + ")"
  }

  /// A value as JSON text with sorted keys, `words_like_this`.
  static func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }
}
