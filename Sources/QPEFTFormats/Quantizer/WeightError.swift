/// How far a stored weight is from the same weight of another checkpoint.
public struct WeightError: Codable, Hashable, Sendable {
  /// Hugging Face name.
  public let name: String
  /// How it is stored, for example `nf4`, `BF16`, `Q4_K`.
  public let type: String
  /// Root of the sum of squared differences, over the root of the sum of squares of the other checkpoint's numbers.
  public let relativeError: Double
  /// Largest difference of two numbers.
  public let largestError: Double
}

extension ModelSource {
  /// Compares all weights with those of `other`, the checkpoint that this one was made from, about a million numbers at a time.
  /// `progress` hears of weights that are done.
  /// - Throws: `CheckpointError.missingTensor` and `.unsuitable` where they are not of the same model; what reading throws.
  public func errors(
    against other: ModelSource, progress: (_ done: Int, _ all: Int) throws -> Void = { _, _ in }
  ) throws -> [WeightError] {
    try WeightError.all(
      of: QuantizerSource(decoding: self).weights, against: QuantizerSource(decoding: other).weights, of: other.path,
      progress: progress)
  }
}

extension GGUFFile {
  /// Compares all tensors with those of the same names of `other`, the file that this one was made from, whatever their
  /// architecture: nothing is renamed and no row moves. `progress` hears of tensors that are done.
  /// - Throws: `CheckpointError.missingTensor` and `.unsuitable` where they are not of the same model.
  public func errors(
    against other: GGUFFile, progress: (_ done: Int, _ all: Int) throws -> Void = { _, _ in }
  ) throws -> [WeightError] {
    try WeightError.all(of: storedWeights, against: other.storedWeights, of: other.path, progress: progress)
  }

  /// The tensors under their own names, rows as they lie.
  private var storedWeights: [SourceWeight] {
    entries.map { SourceWeight(.init(name: $0.name, entry: $0, interleavedHead: nil), in: self) }
  }
}

extension WeightError {
  fileprivate static func all(
    of weights: [SourceWeight], against others: [SourceWeight], of path: String,
    progress: (_ done: Int, _ all: Int) throws -> Void
  ) throws -> [WeightError] {
    let sources = Dictionary(others.map { ($0.name, $0) }) { first, _ in first }
    let weights = weights.filter(\.isDecodable)
    return try weights.enumerated().map { index, weight in
      guard let source = sources[weight.name] else {
        throw CheckpointError.missingTensor(tensor: weight.name, directory: path)
      }
      guard source.shape == weight.shape, source.isDecodable else {
        throw CheckpointError.unsuitable(
          tensor: weight.name, problem: "has shape \(weight.shape), in \(path) it has \(source.shape)")
      }
      var error = RoundingError()
      QuantizerPlan.forEachChunk(weight, unit: 1) { rows, numbers in
        var expected = [Float](repeating: 0, count: numbers.count)
        expected.withUnsafeMutableBufferPointer { source.decode($0, rows: rows) }
        error.add(expected, numbers)
        weight.release(rows: rows)
        source.release(rows: rows)
      }
      try progress(index + 1, weights.count)
      return WeightError(
        name: weight.name, type: weight.typeName, relativeError: error.relative, largestError: error.largest)
    }
  }
}
