internal import Foundation

extension TemplateRenderer {
  func numeric(
    _ name: String, _ value: TemplateValue, _ arguments: Arguments, _ place: TemplatePlace
  ) throws(TemplateError) -> TemplateValue {
    switch name {
    case "int":
      if let integer = value.integer { return .integer(integer) }
      let base = arguments(1, "base")?.integer ?? 10
      if let text = value.string, let integer = Self.integer(text, base: base) { return .integer(integer) }
      if case .undefined(let reason) = value { throw failure(reason, place) }
      if let number = value.number ?? value.string.flatMap(Self.float), abs(number) < 9e18 {
        return .integer(Int(number))
      }
      return arguments(0, "default") ?? .integer(0)
    case "float":
      if case .undefined(let reason) = value { throw failure(reason, place) }
      if let number = value.number ?? value.string.flatMap(Self.float) { return .float(number) }
      return arguments(0, "default") ?? .float(0)
    case "filesizeformat":
      guard let bytes = value.number ?? value.string.flatMap(Self.float), bytes > -9e18 else {
        throw failure("'filesizeformat' of \(value.kind)", place)
      }
      return .string(Self.size(bytes, isBinary: arguments(0, "binary")?.isTrue ?? false))
    case "abs":
      if let integer = value.integer, integer != .min { return .integer(abs(integer)) }
      guard let number = value.number else { throw failure("'abs' of \(value.kind)", place) }
      return .float(abs(number))
    default:
      guard let number = value.number else { throw failure("'round' of \(value.kind)", place) }
      let method = arguments(1, "method")?.string ?? "common"
      let precision = arguments(0, "precision")?.integer ?? 0
      if method == "common", precision >= 0, let integer = value.integer { return .integer(integer) }
      // Right to the last digit, as Python rounds.
      if method == "common", (0...300).contains(precision), number.isFinite {
        return .float(Double(String(format: "%.\(precision)f", number)) ?? number)
      }
      var scale = 1.0
      for _ in 0..<min(max(precision, 0), 300) { scale *= 10 }
      let rule: FloatingPointRoundingRule =
        switch method {
        case "ceil": .up
        case "floor": .down
        default: .toNearestOrEven
        }
      return .float((number * scale).rounded(rule) / scale)
    }
  }

  /// Python's `int(text, base)`; a prefix says the base where it is 0, and may stand before digits of that base.
  private static func integer(_ text: String, base: Int) -> Int? {
    var digits = Text.strip(text)[...]
    var sign = ""
    if let first = digits.first, first == "-" || first == "+" {
      sign = String(first)
      digits = digits.dropFirst()
    }
    var radix = base
    for (prefix, value) in [("0x", 16), ("0o", 8), ("0b", 2)]
    where (base == value || base == 0) && digits.lowercased().hasPrefix(prefix) {
      digits = digits.dropFirst(2)
      radix = value
    }
    if radix == 0 { radix = 10 }
    guard (2...36).contains(radix), let bare = withoutUnderscores(digits), bare.first != "-", bare.first != "+" else {
      return nil
    }
    return Int(sign + bare, radix: radix)
  }

  /// Python's `float(text)`.
  private static func float(_ text: String) -> Double? {
    guard let bare = withoutUnderscores(Text.strip(text)[...]), !bare.lowercased().contains("x") else { return nil }
    return Double(bare)
  }

  /// Underscores stand between two digits, or it is no number.
  private static func withoutUnderscores(_ text: Substring) -> String? {
    guard text.contains("_") else { return String(text) }
    let isRight = !text.hasPrefix("_") && !text.hasSuffix("_") && !text.contains("__")
    return isRight ? String(text.filter { $0 != "_" }) : nil
  }

  /// A size for people to read, in steps of 1000 or 1024.
  private static func size(_ bytes: Double, isBinary: Bool) -> String {
    let base = isBinary ? 1024.0 : 1000
    if bytes == 1 { return "1 Byte" }
    if bytes < base { return "\(Int(bytes)) Bytes" }
    var unit = base
    let prefixes = ["k", "M", "G", "T", "P", "E", "Z", "Y"]
    for (index, prefix) in prefixes.enumerated() {
      unit *= base
      if bytes < unit || index == prefixes.count - 1 {
        let name = isBinary ? prefix.uppercased() + "i" : prefix
        return String(format: "%.1f", base * bytes / unit) + " \(name)B"
      }
    }
    return ""
  }
}
