internal import Foundation
public import QPEFTAdapters
public import QPEFTModels
internal import QPEFTQuantization
internal import QPEFTTensor
public import QPEFTTraining

/// A model of which `config.json` alone is there: enough to know what training it takes, linear layers in NF4.
public struct PlannedModel {
  /// Sizes of the model.
  public let shape: ModelShape
  private let config: Data
  private let residentWeights: Int?

  /// The model that the file `config.json` at `path` describes. With `residentWeights`, as many bytes of it are resident at most.
  /// - Throws: errors of the file and of the architecture.
  public init(configuration path: String, residentWeights: Int? = nil) throws {
    let file = try MappedFile(path: path)
    guard file.bytes.count <= Self.largestFile else {
      throw FileError.tooLarge(path: path, bytes: file.bytes.count, limit: Self.largestFile)
    }
    config = Data(file.bytes)
    self.residentWeights = residentWeights
    shape = try Tensor.$isPlanning.withValue(true) { [config] in
      try Models.open(config: config, weights: PlannedWeights()).shape
    }
  }

  private static let largestFile = 1 << 24

  /// A trainer that can plan and do nothing else: neither model nor adapters have numbers.
  /// - Throws: `AdapterError`, `TrainingError`, `WeightResidencyError`.
  public func trainer(
    _ configuration: LoRAConfiguration, on rows: any RowSource, options: TrainingOptions
  ) throws -> Trainer {
    try Tensor.$isPlanning.withValue(true) {
      let adapters = try LoRAAdapters(configuration)
      let residency = residentWeights.map { WeightResidency(limit: $0) }
      let planned = PlannedWeights()
      let weights: any WeightSource = residency.map { StreamedWeights(planned, $0) } ?? planned
      let model = try Models.open(
        config: config, weights: weights, adapters: adapters.choice, modules: adapters.modules)
      try adapters.checkTargets()
      try residency?.check()
      return try Trainer(model: model, parameters: adapters.parameters, rows: rows, options: options)
    }
  }
}
