internal import ArgumentParser
internal import Foundation

/// Trains the last blocks of a model for two epochs without and with a cache of activations, and prints seconds of a step.
struct Cache: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print how fast epochs are without and with --cache-activations.")

  @OptionGroup var measured: Measured

  @Option(help: "Last blocks that are trained.")
  var layers = 4

  @Option(help: "Tokens of a row.")
  var length = 512

  @Option(help: "Rows, one a step.")
  var rows = 4

  func run() throws {
    let workshop = try Workshop()
    let launch = measured.launch
    let data = try workshop.rows(letters: Array(repeating: 8 * length, count: rows))
    print("| cache | first epoch, s/step | second epoch, s/step | bytes on disk | adapter |")
    print("|---|---:|---:|---:|---|")
    var plain: Data?
    for type in ["none", "f32", "bf16"] {
      let (output, directory) = (workshop.path + "/" + type, workshop.path + "/cache-" + type)
      var arguments = [
        "train", "--model", measured.model, "--data", data, "--max-length", "\(length)", "--output", output, "--epochs",
        "2",
        "--layers", "\(layers)", "--save-steps", "0",
      ]
      if type != "none" { arguments += ["--cache-activations", directory, "--cache-dtype", type] }
      try launch(arguments)
      let seconds = try Step.all(in: output).map(\.seconds)
      // The best step of an epoch: what else the machine does can only slow it down.
      let epochs = [seconds.prefix(rows), seconds.suffix(rows)].map { String(format: "%.2f", $0.min() ?? 0) }
      let adapter = try Data(contentsOf: URL(fileURLWithPath: output + "/adapter_model.safetensors"))
      let comparison = plain.map { $0 == adapter ? "the same bytes" : "other bytes" } ?? "-"
      plain = plain ?? adapter
      print("| \(type) | \(epochs[0]) | \(epochs[1]) | \(Self.size(of: directory)) | \(comparison) |")
      fflush(nil)
    }
  }

  private static func size(of directory: String) -> Int {
    let files = FileManager.default.enumerator(atPath: directory)?.compactMap { $0 as? String } ?? []
    return files.reduce(0) { sum, file in
      let attributes = try? FileManager.default.attributesOfItem(atPath: directory + "/" + file)
      let isFile = attributes?[.type] as? FileAttributeType == .typeRegular
      return sum + (isFile ? attributes?[.size] as? Int ?? 0 : 0)
    }
  }
}
