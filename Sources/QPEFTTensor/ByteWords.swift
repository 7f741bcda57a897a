internal import Foundation

/// Counts of bytes in words for people, in powers of 1000.
package enum ByteWords {
  /// For example `272.3 MB`.
  package static func short(_ count: Int) -> String {
    var (value, units) = (Double(count), ["B", "kB", "MB", "GB", "TB"][...])
    while value >= 999.95, units.count > 1 {
      value /= 1000
      units.removeFirst()
    }
    return units.startIndex == 0 ? "\(count) B" : "\(String(format: "%.1f", value)) \(units.first ?? "B")"
  }

  /// For example `272.3 MB (272271360 bytes)`, where two counts may differ by little.
  package static func exact(_ count: Int) -> String {
    count < 1000 ? "\(count) bytes" : "\(short(count)) (\(count) bytes)"
  }
}
