internal import Foundation
internal import QPEFTFormats

/// `metrics.jsonl`: one object for each step, given to the system before the next step begins.
final class MetricsWriter {
  static let fileName = "metrics.jsonl"
  private let path: String
  private let descriptor: Int32

  /// Opens the file; keeps the lines of the first `steps` steps of an earlier run, if there is one.
  init(directory: String, keeping steps: Int) throws(TrainingError) {
    path = "\(directory)/\(Self.fileName)"
    if FileManager.default.fileExists(atPath: path) {
      guard let old = FileManager.default.contents(atPath: path) else {
        throw .cannotWrite(path: path, reason: "it exists and cannot be read")
      }
      let kept = String(decoding: old, as: UTF8.self).split(separator: "\n").filter {
        Self.step(of: $0).map { $0 <= steps } ?? false
      }
      do { try OutputFile.write(Array(kept.map { $0 + "\n" }.joined().utf8), to: path) } catch {
        throw .cannotWrite(path: path, reason: "\(error)")
      }
    }
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .cannotWrite(path: path, reason: String(cString: strerror(errno))) }
    flock(descriptor, LOCK_EX | LOCK_NB)
  }

  /// Whether a run that has not ended writes there. A file system without locks does not say.
  static func isWriting(in directory: String) -> Bool {
    let descriptor = open("\(directory)/\(fileName)", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK
  }

  deinit { close(descriptor) }

  /// Adds the line of one step.
  func write(_ metrics: StepMetrics) throws(TrainingError) { try append(Self.line(metrics) + "\n") }

  private func append(_ text: String) throws(TrainingError) {
    var rest = ArraySlice(text.utf8)
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { throw .cannotWrite(path: path, reason: String(cString: strerror(errno))) }
      rest = rest.dropFirst(written)
    }
  }

  /// The object of one step; every number is finite.
  static func line(_ m: StepMetrics) -> String {
    """
    {"step": \(m.step), "loss": \(m.loss), "learning_rate": \(m.learningRate), "grad_norm": \(m.gradientNorm), \
    "tokens": \(m.tokens), "trained_tokens": \(m.trainedTokens), "tokens_per_second": \(m.tokensPerSecond), \
    "peak_bytes": \(m.peakBytes), "seconds": \(m.seconds)}
    """
  }

  private struct Line: Decodable { var step: Int }

  private static func step(of line: Substring) -> Int? {
    (try? JSONDecoder().decode(Line.self, from: Data(line.utf8)))?.step
  }
}
