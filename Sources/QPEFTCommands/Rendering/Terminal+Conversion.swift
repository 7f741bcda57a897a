internal import ArgumentParser
internal import QPEFT

extension Terminal {
  /// Runs a conversion with a meter of its bytes. Ctrl-C ends it in good order: nothing is written, exit code 130.
  func interruptible<Result>(
    _ name: String, _ body: (@escaping (QuantizationProgress) throws -> Void) throws -> Result
  ) throws -> Result {
    Interruption.listen()
    let meter = ProgressMeter(name, self)
    defer {
      endLiveLine(keeping: false)
      Interruption.stopListening()
    }
    do {
      return try body { progress in
        if Interruption.isRequested { throw CancellationError() }
        meter.show(bytes: progress.bytesDone, of: progress.bytesTotal)
      }
    } catch is CancellationError {
      endLiveLine(keeping: false)
      Terminal.printError("interrupted: nothing was written")
      throw ExitCode(130)
    }
  }
}
