internal import Foundation

/// Seconds of repeated calls.
public enum Stopwatch {
  /// The fastest of at least two calls (after one that is not counted), repeated for `seconds`.
  public static func best(seconds: Double, _ body: () -> Void) -> Double {
    times(seconds: seconds, body).min() ?? .infinity
  }

  /// Each of at least two calls (after one that is not counted), repeated for `seconds`.
  static func times(seconds: Double, _ body: () -> Void) -> [Double] {
    let clock = ContinuousClock()
    body()
    let start = clock.now
    var times: [Double] = []
    repeat {
      times.append(clock.measure(body) / .seconds(1))
    } while times.count < 2 || (clock.now - start) / .seconds(1) < seconds
    return times
  }

  /// Lets threads of libomp fall asleep a millisecond after their work, for the rest of the process, so that they do not disturb
  /// what is measured next. Has effect only before the first kernel runs, and none where KMP_BLOCKTIME is set already.
  public static func quietThreads() { setenv("KMP_BLOCKTIME", "1", 0) }
}
