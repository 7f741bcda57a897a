internal import ArgumentParser
internal import QPEFT

/// What an adapter is merged into: `--base dequantized`, or `--base original DIR`.
struct MergeBaseOptions: ParsableArguments {
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Weights to add the adapter to: dequantized, or original DIR. (default: dequantized)", valueName: "base"))
  var base: [String] = []

  func validate() throws {
    let isValid = base.isEmpty || base == ["dequantized"] || (base.count == 2 && base[0] == "original")
    if !isValid {
      throw ValidationError("--base is dequantized, or original and the directory of the original weights.")
    }
  }

  var choice: AdapterMerge.Base { base.count == 2 ? .original(base[1]) : .dequantized }
}
