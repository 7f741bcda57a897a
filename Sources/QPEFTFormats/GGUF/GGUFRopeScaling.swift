internal import Foundation
internal import QPEFTJSON
internal import QPEFTTensor

/// Rotary scaling: GGUF tells it by keys or, for Llama 3, by a tensor of one factor for each frequency.
enum GGUFRopeScaling {
  /// `rope_scaling` of `config.json`, or nil for none.
  static func config(_ gguf: GGUFFile, head: Int) throws(GGUFError) -> JSONValue? {
    let path = gguf.path
    // As llama.cpp has it: a factor alone is a linear one, also under its old name.
    let oldFactor = try gguf.optionalNumber("llama.rope.scale_linear")
    let factor = try gguf.optionalNumber("llama.rope.scaling.factor") ?? oldFactor
    let isScaled = factor.map { $0 != 0 && $0 != 1 } ?? false
    let kind = try gguf.optionalString("llama.rope.scaling.type") ?? (isScaled ? "linear" : "none")
    if let entry = gguf.entry("rope_freqs.weight") {
      guard kind == "none" || kind == "llama3" else {
        throw .unsupportedFeature(file: path, feature: "rope scaling \(kind) with rope_freqs")
      }
      return try llama3(gguf, factors: gguf.decoded(entry).elements, head: head)
    }
    switch kind {
    case "none": return nil
    case "linear":
      guard let factor else { throw .missingKey(file: path, key: "llama.rope.scaling.factor") }
      return ["rope_type": "linear", "type": "linear", "factor": .number(factor)]
    default: throw .unsupportedFeature(file: path, feature: "rope scaling \(kind)")
    }
  }

  /// Llama 3's settings, from the factors that they make. All published models have 1, 4 and 8192; what is found is
  /// checked by making the factors again.
  private static func llama3(_ gguf: GGUFFile, factors: [Float], head: Int) throws(GGUFError) -> JSONValue? {
    let theta = try gguf.optionalNumber("llama.rope.freq_base") ?? 10_000
    let context = try gguf.optionalInteger("llama.rope.scaling.original_context_length") ?? 8192
    guard let factor = factors.max().map(Double.init), factors.count == head / 2, factor >= 1 else {
      throw .tensor(file: gguf.path, tensor: "rope_freqs.weight", problem: "is not a factor for each frequency")
    }
    if factor == 1 { return nil }
    for (index, found) in factors.enumerated() {
      let wavelength = 2 * Double.pi * pow(theta, Double(2 * index) / Double(head))
      let smooth = min(1, max(0, (Double(context) / wavelength - 1) / 3))
      let expected = 1 / ((1 - smooth) / factor + smooth)
      guard abs(expected - Double(found)) <= 1e-3 * expected else {
        throw .unsupportedFeature(file: gguf.path, feature: "the rope scaling of rope_freqs.weight")
      }
    }
    return [
      "rope_type": "llama3", "factor": .number(factor), "low_freq_factor": 1.0, "high_freq_factor": 4.0,
      "original_max_position_embeddings": .integer(context),
    ]
  }
}
