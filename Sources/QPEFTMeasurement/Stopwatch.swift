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
}
