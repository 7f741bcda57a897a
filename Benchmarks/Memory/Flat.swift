internal import ArgumentParser
internal import Foundation

/// Trains on rows of many lengths and prints how the resident peak grows.
struct Flat: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Train on rows whose lengths are drawn at random; print the growth of memory and the speed after the tenth step.",
    discussion: "The longest row comes first, so what grows later is not a longer row's memory.")

  @OptionGroup var measured: Measured

  @Option(help: "Optimizer steps, one row each.")
  var steps = 300

  @Option(help: "Tokens of the longest row; lengths go down to 16.")
  var longest = 2048

  @Option(parsing: .unconditional, help: "More options for train.")
  var options = "--rank 4"

  func run() throws {
    let workshop = try Workshop()
    var numbers = RandomNumbers(seed: 5)
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 8 * steps, alignment: 8)
    defer { bytes.deallocate() }
    numbers.fill(bytes)
    // About two letters are a token; the first row is cut to the longest length.
    let letters = bytes.bindMemory(to: UInt64.self).map { 2 * (16 + Int($0 % UInt64(longest - 15))) }
    let data = try workshop.rows(letters: [8 * longest] + letters.dropFirst())
    let output = workshop.path + "/adapter"
    try measured.launch(
      [
        "train", "--model", measured.model, "--data", data, "--max-length", "\(longest)", "--output", output, "--steps",
        "\(steps)", "--save-steps", "0", "--no-shuffle",
      ] + options.split(separator: " ").map(String.init))
    let found = try Step.all(in: output)
    guard found.count > 10, let last = found.last else { throw ExitCode.failure }
    let lengths = found.map(\.tokens)
    print("rows of \(lengths.min() ?? 0) to \(lengths.max() ?? 0) tokens, \(found.count) steps")
    print("| step | resident peak, MB |")
    print("|---:|---:|")
    for step in [1, 10, found.count / 2, found.count] { print("| \(step) | \(mega(found[step - 1].peak_bytes)) |") }
    let growth = Double(last.peak_bytes) / Double(found[9].peak_bytes) - 1
    print(String(format: "growth after the tenth step: %.2f %%", 100 * growth))
    let (tokens, seconds) = found.dropFirst(10).reduce((0, 0.0)) { ($0.0 + $1.tokens, $0.1 + $1.seconds) }
    print(String(format: "from there on %.0f tokens/s", Double(tokens) / seconds))
  }
}
