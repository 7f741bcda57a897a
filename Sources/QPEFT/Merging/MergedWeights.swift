internal import QPEFTAdapters
internal import QPEFTAutodiff
internal import QPEFTFormats
internal import QPEFTJSON
internal import QPEFTLayers
internal import QPEFTModels
internal import QPEFTTensor

/// The weights of a model with its adapter merged in: a checkpoint that is computed while it is written.
struct MergedWeights {
  /// Weights under Hugging Face names, configuration without quantization, tokenizer files.
  private(set) var source: QuantizerSource
  /// What merging changes, known when the weights have been written.
  let updates = UpdateNorms()
  /// The type that the model computes with.
  let type: ElementType

  /// The weights of `tuned`, on those of its own model or of another directory; without adapters, its own as floats.
  init(_ tuned: AdaptedModel, base: AdapterMerge.Base = .dequantized) throws {
    source = try QuantizerSource(decoding: tuned.base.source)
    type = source.modelType ?? .bf16
    if case .original(let name) = base { try takeWeights(of: ModelLocation.path(of: name)) }
    let layers = Dictionary(tuned.model.linears.map { ($0.site.name, $0) }) { first, _ in first }
    source.weights = try source.weights.map { weight in
      guard weight.isDecodable else { return weight }
      let part = weight.name.lastIndex(of: ".") ?? weight.name.endIndex
      guard let layer = layers[String(weight.name[..<part])], let adapter = layer.adapter else {
        return computed(weight)
      }
      return try weight.name.hasSuffix(".bias")
        ? bias(weight, layer, adapter) : matrix(weight, layer, adapter)
    }
    if let modules = tuned.adapters?.trainedModules { takeTrained(modules) }
    for layer in layers.values.sorted(by: { $0.site.name < $1.site.name }) where layer.base.bias == nil {
      if layer.adapter?.merged(bias: nil) != nil { throw MergeError.newBias(layer: layer.site.name) }
    }
  }

  private mutating func takeWeights(of path: String) throws {
    let original = Dictionary(try QuantizerSource(path: path).weights.map { ($0.name, $0) }) { first, _ in first }
    source.weights = try source.weights.map { weight in
      guard let found = original[weight.name] else {
        throw MergeError.originalLacks(tensor: weight.name, path: path)
      }
      guard found.shape == weight.shape else {
        throw MergeError.originalShape(tensor: weight.name, path: path, expected: weight.shape, found: found.shape)
      }
      return found
    }
  }

  /// Modules that were trained whole stand in the place of the frozen ones. A head that shared the embedding's numbers gets its
  /// own where one of the two was trained.
  private mutating func takeTrained(_ modules: [String: Parameter]) {
    let (embedding, head) = ("model.embed_tokens", "lm_head")
    let isTied = JSONValue.object(source.config)["tie_word_embeddings"]?.bool ?? false
    if isTied, modules[embedding] != nil || modules[head] != nil {
      source.config["tie_word_embeddings"] = false
      source.weights.removeAll { $0.name == head + ".weight" }
      if let table = source.weights.first(where: { $0.name == embedding + ".weight" }) {
        source.weights.append(computed(table, named: head + ".weight"))
      }
    }
    source.weights = source.weights.map { weight in
      guard weight.name.hasSuffix(".weight"), let trained = modules[String(weight.name.dropLast(".weight".count))]
      else {
        return weight
      }
      let tensor = trained.value
      return computed(weight) { y, rows in
        let first = rows.lowerBound * (weight.shape.last ?? 1)
        tensor.withElements { _ = y.update(fromContentsOf: $0[first..<(first + y.count)]) }
      }
    }
  }

  private func computed(
    _ weight: SourceWeight, named name: String? = nil,
    _ change: @escaping (UnsafeMutableBufferPointer<Float>, Range<Int>) -> Void = { _, _ in }
  ) -> SourceWeight {
    SourceWeight(
      ComputedWeight(
        name: name ?? weight.name, shape: weight.shape, type: type, byteCount: weight.byteCount,
        decode: { y, rows in
          weight.decode(y, rows: rows)
          change(y, rows)
        }, release: { weight.release(rows: $0) }))
  }

  private func matrix(
    _ weight: SourceWeight, _ layer: AdaptedLinear, _ adapter: any LinearAdapter
  ) throws -> SourceWeight {
    let site = layer.site
    guard adapter.merged(.zeros([1, site.columns], in: .workspace), at: 0..<1) != nil else {
      throw MergeError.notMergeable(layer: site.name)
    }
    let updates = updates
    return computed(weight) { y, rows in
      let before = Tensor([rows.count, site.columns], y, in: .workspace)
      guard let after = adapter.merged(before, at: rows) else { return }
      updates.add(weight.name, before: before, after: after)
      after.withElements { _ = y.update(fromContentsOf: $0) }
    }
  }

  private func bias(
    _ weight: SourceWeight, _ layer: AdaptedLinear, _ adapter: any LinearAdapter
  ) throws -> SourceWeight {
    // A bias is one row.
    computed(weight) { y, _ in
      guard let merged = adapter.merged(bias: Tensor([y.count], y, in: .workspace)) else { return }
      merged.withElements { _ = y.update(fromContentsOf: $0) }
    }
  }
}

/// How much merging changes each weight: sums of squares, added up while the weights are written.
final class UpdateNorms {
  private(set) var change: [String: Double] = [:]
  private(set) var weight: [String: Double] = [:]

  func add(_ name: String, before: Tensor, after: Tensor) {
    var difference = after
    difference.add(before, scale: -1)
    change[name, default: 0] += difference.sumOfSquares()
    weight[name, default: 0] += after.sumOfSquares()
  }
}
