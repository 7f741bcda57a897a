internal import ArgumentParser
internal import Foundation
internal import QPEFT

/// A number of bytes as a person types it: `3GiB`, `800 MB`, `1073741824`.
struct ByteCount: ExpressibleByArgument, Equatable {
  var bytes: Int

  init?(argument: String) {
    let units: [(String, Double)] = [
      ("kib", 0x1p10), ("mib", 0x1p20), ("gib", 0x1p30), ("tib", 0x1p40), ("kb", 1e3), ("mb", 1e6), ("gb", 1e9),
      ("tb", 1e12), ("b", 1), ("", 1),
    ]
    let text = argument.lowercased().filter { $0 != " " }
    let digits = text.prefix { $0.isNumber || $0 == "." }
    let unit = text[digits.endIndex...]
    guard let value = Double(digits), let factor = units.first(where: { $0.0 == unit })?.1, value > 0,
      value * factor < 0x1p62
    else { return nil }
    bytes = Int(value * factor)
  }
}

/// What blocks keep for backward, as a person types it.
enum CheckpointingChoice: String, ExpressibleByArgument, CaseIterable {
  case auto, none, products, block, bf16, disk, on, off

  /// Nil: the planner chooses.
  var policy: RecomputePolicy? {
    switch self {
    case .auto: nil
    case .none, .off: .keepAll
    case .products: .keepProducts
    case .block, .on: .blockInput
    case .bf16: .blockInputBF16
    case .disk: .blockInputOnDisk
    }
  }
}

/// How much memory, and how it is used.
struct MemoryArguments: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Resident memory that the run may take, for example 3GiB. (default: what is free, less a margin)",
      valueName: "size"))
  var memoryBudget: ByteCount?

  @Option(
    help: ArgumentHelp(
      "What blocks keep for backward: everything (none), products of matrices, their input (block), the same in bf16 or on "
        + "disk; auto takes the fastest exact ones that fit. on and off are block and none."))
  var checkpointing = CheckpointingChoice.auto

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Keep at most so many bytes of the weights resident, for a base larger than memory; the rest is read from disk when it "
        + "is its turn.", valueName: "size"))
  var residentWeights: ByteCount?

  @Option(
    help: ArgumentHelp(
      "With --layers: keep what the blocks below make of each row in this directory, and read it from there in every later "
        + "epoch and run.", valueName: "dir"))
  var cacheActivations: String?

  @Option(
    help: ArgumentHelp(
      "Numbers in that directory: f32, a run in float32 has the same bits as without it, or bf16, half the size. (default: "
        + "f32)"))
  var cacheDtype: ActivationCache.Storage?

  func validate() throws {
    if cacheDtype != nil && cacheActivations == nil {
      throw ValidationError("--cache-dtype goes with --cache-activations.")
    }
  }

  /// The model with its cache of activations, if one is wanted.
  func caching(_ tuned: AdaptedModel) throws -> AdaptedModel {
    guard let cacheActivations else { return tuned }
    return try tuned.caching(in: cacheActivations, as: cacheDtype ?? .f32)
  }

  /// Puts the choices into the options of a run.
  func apply(to options: inout TrainingOptions) {
    options.memoryBudget = memoryBudget?.bytes
    options.checkpointing = checkpointing.policy
  }
}
