internal import Foundation
internal import QPEFT
internal import Synchronization

/// Where a command writes: lines, and at the end of the screen one live line that is written over.
final class Terminal: Sendable {
  /// The standard output.
  static let standard = Terminal(descriptor: STDOUT_FILENO)
  /// The standard error output, for progress where the standard output holds a result.
  static let error = Terminal(descriptor: STDERR_FILENO)

  /// Whether a person looks at it.
  let isInteractive: Bool
  private let descriptor: Int32
  private let liveWidth = Atomic<Int>(0)
  /// `errno` of the first write that failed.
  private let failureCode = Atomic<Int32>(0)

  private init(descriptor: Int32) {
    self.descriptor = descriptor
    isInteractive = isatty(descriptor) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
  }

  /// Writes a line for good, above the live line's place.
  func line(_ text: String = "") {
    endLiveLine(keeping: false)
    show(text + "\n")
  }

  /// Writes text that may come from a stranger: it cannot steer a terminal. Where no person looks, it stays as it is.
  func show(_ text: String) { write(isInteractive ? text.printable : text) }

  /// Writes text as it is.
  func write(_ text: String) { write(Array(text.utf8)) }

  /// Writes bytes as they are.
  func write(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else {
        _ = failureCode.compareExchange(expected: 0, desired: errno, ordering: .relaxed)
        return
      }
      rest = rest.dropFirst(written)
    }
  }

  /// Why not all of it was written, if so.
  var failure: FileError? {
    let code = failureCode.load(ordering: .relaxed)
    return code == 0 ? nil : .last("write to", "the standard output", code: code)
  }

  /// Shows the line at the bottom of an interactive terminal, in place of the one before; nothing elsewhere.
  func live(_ text: String) {
    guard isInteractive else { return }
    let text = String(text.prefix(max(20, width - 1)))
    let old = liveWidth.exchange(text.count, ordering: .relaxed)
    write("\r" + text + String(repeating: " ", count: max(0, old - text.count)))
  }

  /// Leaves the live line on the screen, or clears it.
  func endLiveLine(keeping: Bool = true) {
    let width = liveWidth.exchange(0, ordering: .relaxed)
    guard width > 0 else { return }
    write(keeping ? "\n" : "\r" + String(repeating: " ", count: width) + "\r")
  }

  private var width: Int {
    var size = winsize()
    return ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
  }

  /// Writes lines to the standard error output.
  static func printError(_ text: String) {
    standard.endLiveLine()
    error.line(text)
  }
}

extension String {
  /// The text with pictures of control characters, so that data cannot steer a terminal; line ends and tabs stay.
  var printable: String {
    var text = String.UnicodeScalarView()
    for scalar in unicodeScalars {
      switch scalar.value {
      case 0x09, 0x0A: text.append(scalar)
      case 0..<0x20: text.append(Unicode.Scalar(0x2400 + scalar.value) ?? "\u{FFFD}")
      case 0x7F..<0xA0: text.append("\u{FFFD}")
      default: text.append(scalar)
      }
    }
    return String(text)
  }
}
