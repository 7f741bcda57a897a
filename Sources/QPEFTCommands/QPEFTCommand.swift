public import ArgumentParser
internal import Foundation
internal import QPEFT

/// The command `qpeft`.
public struct QPEFTCommand: AsyncParsableCommand {
  /// Name, words about it, and the commands it has.
  public static let configuration = CommandConfiguration(
    commandName: "qpeft",
    abstract: "Fine-tune large language models on a computer without a GPU.",
    discussion: """
      The base model is frozen in 4 bits and mapped from disk; small LoRA adapters are trained on top of it.

        qpeft pull HuggingFaceTB/SmolLM2-135M
        qpeft quantize HuggingFaceTB/SmolLM2-135M --output smol-nf4
        qpeft train --model smol-nf4 --data train.jsonl --output adapter
        qpeft evaluate --model smol-nf4 --adapter adapter --data heldout.jsonl
        qpeft generate --model smol-nf4 --adapter adapter --chat
      """,
    version: "0.1.0",
    subcommands: [
      Pull.self, Quantize.self, Train.self, Evaluate.self, Generate.self, Merge.self, Export.self, DataCommand.self,
      Tokenize.self, Plan.self, Inspect.self, Doctor.self, Bench.self,
    ])

  /// Made by the parser.
  public init() {}

  /// Parses the arguments, runs the command and ends the process: 0, or 1 with an error and a remedy on the standard error
  /// output, or 64 for arguments that cannot be parsed, or 130 after an interruption.
  public static func launch() async -> Never {
    // A file above a limit of its size is then a failed write instead of the end of the process.
    signal(SIGXFSZ, SIG_IGN)
    do {
      try refuseUnknownCommand(CommandLine.arguments.dropFirst().first)
      var command = try parseAsRoot()
      do {
        if var command = command as? any AsyncParsableCommand {
          try await command.run()
        } else {
          try command.run()
        }
        if let failure = Terminal.standard.failure { throw failure }
      } catch  where !isParserError(error) {
        Terminal.standard.endLiveLine()
        Terminal.printError(Failure(error).text)
        end(1)
      }
    } catch { exit(withError: error) }
    end(0)
  }

  /// The parser would complain about the options that follow, since the command itself has none.
  static func refuseUnknownCommand(_ name: String?) throws {
    guard let name, !name.hasPrefix("-"), name != "help" else { return }
    let commands = configuration.subcommands.map { $0._commandName }
    guard !commands.contains(name) else { return }
    throw ValidationError("There is no command '\(name)'. There are: \(commands.joined(separator: ", ")).")
  }

  /// Ends the process at once: what libraries do at exit may wait for threads that will never get the memory they ask for.
  private static func end(_ code: Int32) -> Never {
    fflush(nil)
    _exit(code)
  }

  /// Whether the parser knows what to say: requests for help, and arguments that make no sense once they are seen together.
  private static func isParserError(_ error: any Error) -> Bool {
    error is ExitCode || exitCode(for: error) != .failure
  }
}
