internal import Foundation
internal import Synchronization

private let flag = Atomic<Bool>(false)

/// Signals that ask for an end; not the one of a terminal that closes where it is ignored, as nohup has it.
private let numbers: [Int32] = {
  let always = [SIGINT, SIGTERM, SIGPIPE]
  let handler = signal(SIGHUP, SIG_DFL)
  guard unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) else { return always + [SIGHUP] }
  signal(SIGHUP, SIG_IGN)
  return always
}()
private let notice: StaticString = "\ninterrupting; once more ends at once\n"

/// Ctrl-C, a request to end, a terminal or a reader that is gone: the first one asks for an orderly end, the second one ends
/// the process as usual.
enum Interruption {
  /// Listens from now on.
  static func listen() {
    flag.store(false, ordering: .relaxed)  // Makes the flag before a signal can come.
    for number in numbers {
      signal(number) { number in
        flag.store(true, ordering: .relaxed)
        // Every line to a reader that is gone raises it again.
        guard number != SIGPIPE else { return }
        signal(number, SIG_DFL)
        if number == SIGINT { _ = write(STDERR_FILENO, notice.utf8Start, notice.utf8CodeUnitCount) }
      }
    }
  }

  /// Signals end the process as usual again.
  static func stopListening() {
    for number in numbers { signal(number, SIG_DFL) }
  }

  /// Whether an orderly end was asked for.
  static var isRequested: Bool { flag.load(ordering: .relaxed) }
}
