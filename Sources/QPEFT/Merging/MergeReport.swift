internal import QPEFTFormats
internal import QPEFTQuantization
internal import QPEFTTensor

/// What a merge did, in numbers.
public struct MergeReport: Codable, Hashable, Sendable {
  /// One weight that the adapter changed.
  public struct Layer: Codable, Hashable, Sendable {
    /// Name of the weight, for example `model.layers.0.mlp.up_proj.weight`.
    public let name: String
    /// ‖update‖ / ‖merged weight‖.
    public let relativeUpdate: Double
    /// ‖rounding to the type of the result‖ / ‖merged weight‖.
    public let relativeRounding: Double

    /// Whether storing loses at least as much as the adapter adds.
    public var isBelowRounding: Bool { relativeRounding >= relativeUpdate && relativeUpdate > 0 }
  }

  /// Model, adapter and result as they were given.
  public let model, adapter, output: String
  /// `dequantized`, or the directory of the original weights.
  public let base: String
  /// Type of the floats, and `nf4` or `fp4` where the linear layers are stored in 4 bits again.
  public let type: String
  /// Storage of the linear layers: as `type`, or `nf4`, `fp4`.
  public let linearType: String
  /// Weights that the adapter changed.
  public let layers: [Layer]
  /// Files of weights, their bytes, and parameters of the model.
  public let shards: [String]
  /// Bytes of all tensors, and number of parameters.
  public let bytes, parameters: Int
  /// Duration in seconds.
  public let seconds: Double

  /// Rounding error of all changed weights together, over their update.
  public let roundingOverUpdate: Double

  /// Changed weights whose update is smaller than what storing loses.
  public var layersBelowRounding: [Layer] { layers.filter(\.isBelowRounding) }

  init(_ request: AdapterMerge, type: ElementType, _ updates: UpdateNorms, _ written: QuantizationReport) {
    model = request.model
    adapter = request.adapter
    output = written.output
    if case .original(let path) = request.base { base = path } else { base = "dequantized" }
    self.type = type.torchName
    if case .fourBit(let scheme) = request.storage {
      linearType = scheme.format.rawValue
    } else {
      linearType = type.torchName
    }
    var errors: [String: Double] = [:]
    for layer in written.layers { errors[layer.name] = layer.relativeError }
    for kept in written.kept { errors[kept.name] = kept.relativeError }
    var (lost, changed) = (0.0, 0.0)
    layers = updates.change.keys.sorted().map { name in
      let (change, weight) = (updates.change[name] ?? 0, max(updates.weight[name] ?? 0, .leastNonzeroMagnitude))
      let error = errors[name] ?? 0
      lost += error * error * weight
      changed += change
      return Layer(name: name, relativeUpdate: (change / weight).squareRoot(), relativeRounding: error)
    }
    roundingOverUpdate = changed > 0 ? (lost / changed).squareRoot() : 0
    shards = written.shards
    bytes = written.bytesAfter
    parameters = written.parameterCount
    seconds = written.seconds
  }
}
