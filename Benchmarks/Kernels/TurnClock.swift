internal import Foundation

/// Times bodies in turns and keeps the best time of each.
struct TurnClock {
  /// The processor's time of this thread, instead of the time of day.
  let countsThreadTime: Bool

  /// Best seconds of each body over `turns` turns; in a turn a body runs `repeats` times in a row, and for 20 ms at least. Between bodies is
  /// a pause in which threads that wait for work go to sleep: else the pool of one side would take cores from the other. To wake again takes
  /// them up to some milliseconds.
  func best(turns: Int, repeats: Int, _ bodies: [() -> Void]) -> [Double] {
    var best = [Double](repeating: .infinity, count: bodies.count)
    for _ in 0..<turns {
      for (index, body) in bodies.enumerated() {
        if !countsThreadTime { usleep(220_000) }
        let start = now()
        var count = 0
        while count < repeats || now() - start < 0.02 {
          best[index] = min(best[index], seconds(body))
          count += 1
        }
      }
    }
    return best
  }

  private func seconds(_ body: () -> Void) -> Double {
    let start = now()
    body()
    return now() - start
  }

  private func now() -> Double {
    var time = timespec()
    clock_gettime(countsThreadTime ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}

func padded(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }
