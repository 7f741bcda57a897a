/// How far a long piece of work is: a live line in a terminal, a line every tenth of the way elsewhere.
final class ProgressMeter {
  private let name: String
  private let terminal: Terminal
  private let start = ContinuousClock.now
  private var tenths = 0

  init(_ name: String, _ terminal: Terminal) {
    self.name = name
    self.terminal = terminal
  }

  /// Shows bytes done, with the rate.
  func show(bytes: Int, of total: Int) {
    let seconds = max(1e-3, (ContinuousClock.now - start) / .seconds(1))
    let rate = Format.bytes(Int(Double(bytes) / seconds)) + "/s"
    show(bytes, of: total, "\(Format.bytes(bytes)) of \(Format.bytes(total))  \(rate)")
  }

  /// Shows a count done, with words behind it.
  func show(_ done: Int, of total: Int, _ words: String) {
    let fraction = total > 0 ? Double(done) / Double(total) : 1
    let filled = Int(fraction * 24)
    if terminal.isInteractive {
      let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 24 - filled)
      terminal.live("  \(name) \(bar) \(Int(fraction * 100)) %  \(words)")
    } else if Int(fraction * 10) > tenths {
      tenths = Int(fraction * 10)
      terminal.line("  \(name) \(Int(fraction * 100)) %  \(words)")
    }
  }
}
