internal import QPEFTQuantization
internal import QPEFTTensor

/// A tensor as it lies in a file.
public struct StoredTensor: Codable, Hashable, Sendable {
  /// Name in the file.
  public let name: String
  /// Type of its numbers: safetensors' or ggml's name, or `nf4`, `fp4`.
  public let type: String
  /// Extents, outermost first; of a 4-bit weight, of the matrix that it stands for.
  public let shape: [Int]
  /// Bytes, scales included.
  public let bytes: Int

  /// Numbers.
  public var count: Int { shape.reduce(1, *) }
}

extension SafetensorsFile {
  /// All tensors, by name.
  public var storedTensors: [StoredTensor] {
    entries.map { StoredTensor(name: $0.name, type: $0.type.rawValue, shape: $0.shape, bytes: $0.range.count) }
      .sorted { $0.name < $1.name }
  }
}

extension GGUFFile {
  /// All tensors, in the order of the file.
  public var storedTensors: [StoredTensor] {
    entries.map { StoredTensor(name: $0.name, type: $0.type.name, shape: $0.shape, bytes: $0.range.count) }
  }
}

extension HuggingFaceDirectory {
  /// All weights, by name; the parts of a 4-bit weight are one.
  /// - Throws: `CheckpointError` where parts do not fit together.
  public func storedTensors() throws -> [StoredTensor] {
    try tensorNames.filter { !Self.isQuantizationPart($0) }.map { name in
      let tensor = try tensor(named: name)
      guard let matrix = try quantizedMatrix(named: name) else {
        return StoredTensor(name: name, type: tensor.type.rawValue, shape: tensor.shape, bytes: tensor.range.count)
      }
      return StoredTensor(
        name: name, type: matrix.storageName, shape: [matrix.rows, matrix.columns], bytes: matrix.byteCount)
    }
  }
}
