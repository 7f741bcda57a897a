internal import Foundation

/// Seconds of repeated calls.
public enum Stopwatch {
  /// The fastest of at least two calls (after one that is not counted), repeated for `seconds`.
  public static func best(seconds: Double, _ body: () -> Void) -> Double {
    let clock = ContinuousClock()
    body()
    let start = clock.now
    var best = Double.infinity
    var count = 0
    repeat {
      best = min(best, clock.measure(body) / .seconds(1))
      count += 1
    } while count < 2 || (clock.now - start) / .seconds(1) < seconds
    return best
  }

  /// Lets threads of libomp fall asleep a millisecond after their work, for the rest of the process, so that they do not disturb
  /// what is measured next. Has effect only before the first kernel runs, and none where KMP_BLOCKTIME is set already.
  public static func quietThreads() { setenv("KMP_BLOCKTIME", "1", 0) }
}
