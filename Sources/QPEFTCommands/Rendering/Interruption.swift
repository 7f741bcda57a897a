internal import Foundation
internal import Synchronization

private let flag = Atomic<Bool>(false)

private let numbers = [SIGINT, SIGTERM, SIGHUP, SIGPIPE]
private let notice: StaticString = "\ninterrupting; once more ends at once\n"

/// Ctrl-C, a request to end, a terminal or a reader that is gone: the first one asks for an orderly end, the second one ends
/// the process as usual.
enum Interruption {
  /// Listens from now on.
  static func listen() {
    flag.store(false, ordering: .relaxed)  // Makes the flag before a signal can come.
    for number in numbers {
      let before = signal(number) { number in
        flag.store(true, ordering: .relaxed)
        // Every line to a reader that is gone raises it again.
        guard number != SIGPIPE else { return }
        signal(number, SIG_DFL)
        if number == SIGINT { _ = write(STDERR_FILENO, notice.utf8Start, notice.utf8CodeUnitCount) }
      }
      // As nohup wants it.
      if number == SIGHUP, isIgnored(before) { signal(number, SIG_IGN) }
    }
  }

  /// Signals end the process as usual again.
  static func stopListening() {
    for number in numbers where number != SIGHUP { signal(number, SIG_DFL) }
  }

  private static func isIgnored(_ handler: sighandler_t?) -> Bool {
    unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  /// Whether an orderly end was asked for.
  static var isRequested: Bool { flag.load(ordering: .relaxed) }
}
