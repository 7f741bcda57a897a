internal import ArgumentParser
internal import Foundation
internal import QPEFT

/// Which model, and which adapter on it.
struct ModelOptions: ParsableArguments {
  @Option(help: ArgumentHelp("A directory, a .gguf file, or ORG/NAME of the hub (see pull).", valueName: "model"))
  var model: String

  @Option(help: ArgumentHelp("Directory of an adapter (PEFT or mlx) to use on the model.", valueName: "dir"))
  var adapter: String?

  /// The model, with its adapter if one is named.
  func open() throws -> AdaptedModel {
    let base = try BaseModel(model)
    let tuned = try adapter.map { try base.attach(adapter: $0) } ?? base.withoutAdapter()
    tuned.warnings.forEach { Terminal.printError("warning: \($0)") }
    return tuned
  }
}

/// Numbers that an option may have.
enum Limits {
  static func check(_ value: Int, in range: ClosedRange<Int>, _ option: String) throws {
    guard range.contains(value) else {
      throw ValidationError("\(option) must be at least \(range.lowerBound) and at most \(range.upperBound).")
    }
  }
}

/// Names of what is to be written.
enum OutputName {
  /// Refuses an empty one before the work, as `--output "$UNSET"` gives it.
  static func check(_ name: String) throws {
    if name.isEmpty { throw ValidationError("--output is empty.") }
  }
}

/// How many cores.
struct ThreadOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: "Threads to compute with (default: one for each core that it may use). Results do not depend on it.")
  var threads: Int?

  func validate() throws {
    if let threads, !(1...1024).contains(threads) { throw ValidationError("--threads must be between 1 and 1024.") }
  }

  /// Sets the number of threads.
  /// - Throws: `Failure` where QPEFT_KERNELS names kernels that this processor does not support.
  func apply() throws {
    if let wanted = ProcessInfo.processInfo.environment["QPEFT_KERNELS"], !KernelSet.supported.contains(wanted) {
      throw Failure(
        message: "this processor does not support the kernels \(wanted) that QPEFT_KERNELS names",
        remedy: "set it to one of \(KernelSet.supported.joined(separator: ", ")), or unset it")
    }
    if let threads { KernelSet.threadCount = threads }
  }
}

extension String {
  /// With a capital and a full stop, as the parser's own errors are.
  var sentence: String { prefix(1).uppercased() + dropFirst() + "." }
}
