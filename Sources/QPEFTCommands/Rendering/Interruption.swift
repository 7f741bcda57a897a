internal import Foundation
internal import Synchronization

private let flag = Atomic<Bool>(false)

/// Ctrl-C: the first one asks for an orderly end, the second one ends the process as usual.
enum Interruption {
  /// Listens from now on.
  static func listen() {
    flag.store(false, ordering: .relaxed)  // Makes the flag before a signal can come.
    for number in [SIGINT, SIGTERM] {
      signal(number) { number in
        flag.store(true, ordering: .relaxed)
        signal(number, SIG_DFL)
      }
    }
  }

  /// Whether an orderly end was asked for.
  static var isRequested: Bool { flag.load(ordering: .relaxed) }
}
