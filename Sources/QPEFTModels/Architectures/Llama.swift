public import QPEFTAutodiff
public import QPEFTLayers
public import QPEFTTensor

/// The Llama family: Llama 2 and 3, TinyLlama, SmolLM2 (`LlamaForCausalLM`).
///
/// Weights stay where `WeightSource` has them; opening copies norms and biases alone.
/// - Source: `modeling_llama.py` of transformers.
public struct Llama: LanguageModel {
  /// What `config.json` says.
  public let configuration: LlamaConfiguration
  /// The output head, which may be the embedding.
  public let head: any FrozenMatrix
  let embedding: any FrozenMatrix
  let blocks: [TransformerBlock]
  let norm: RMSNorm
  let rotary: RotaryEmbedding

  /// A model over `weights`; `adapters` decides which linear layer gets an adapter, `modules` which other module is trained.
  /// - Throws: `ModelError.shape` where a weight is not as configured, and what `weights` throws.
  public init(
    _ configuration: LlamaConfiguration, weights: any WeightSource, adapters: @escaping AdapterChoice = { _, _ in nil },
    modules: @escaping ModuleChoice = { _, _ in nil }
  ) throws {
    self.configuration = configuration
    let reader = LlamaReader(configuration: configuration, weights: weights, adapters: adapters, modules: modules)
    let tied = configuration.tiesHead
    let table = try reader.matrix("model.embed_tokens", configuration.vocabularySize, configuration.hiddenSize)
    if tied { try reader.checkHead(isLike: table) }
    embedding = try reader.trainable(table, ModuleSite(name: "model.embed_tokens", kind: .embedding, isTied: tied))
    blocks = try (0..<configuration.blockCount).map(reader.block)
    norm = try reader.norm("model.norm")
    let output = tied ? table : try reader.matrix("lm_head", configuration.vocabularySize, configuration.hiddenSize)
    head = try reader.trainable(output, ModuleSite(name: "lm_head", kind: .head, isTied: tied))
    rotary = RotaryEmbedding(
      head: configuration.head, theta: configuration.ropeTheta, scaling: configuration.ropeScaling)
  }

  /// Its sizes.
  public var shape: ModelShape {
    ModelShape(
      vocabularySize: configuration.vocabularySize, hiddenSize: configuration.hiddenSize,
      blockCount: configuration.blockCount, keyValueHeads: configuration.keyValueHeads, head: configuration.head,
      maximumPositions: configuration.maximumPositions)
  }

  /// All linear layers in the order of use.
  public var linears: [AdaptedLinear] { blocks.flatMap(\.linears) }

  /// What is frozen, by kind and storage.
  public var weightGroups: [WeightGroup] {
    var matrices: [(String, any FrozenMatrix)] = linears.map { ("linear layers", $0.base.weight) }
    let sharesTable = configuration.tiesHead && !(head is ParameterMatrix) && !(embedding is ParameterMatrix)
    matrices.append((sharesTable ? "embedding and head" : "embedding", embedding))
    if !sharesTable { matrices.append(("head", head)) }
    // Trained copies are the adapter's.
    return WeightGroup.sum(matrices.filter { !($0.1 is ParameterMatrix) })
  }

  /// Rows after the final norm: [n, hidden].
  public func hidden(
    _ batch: TokenBatch, on tape: Tape, recompute: RecomputePlan, cache: KeyValueCache?, lower: LowerRows?
  ) -> Variable {
    let first = lower?.blockCount ?? 0
    return norm(
      run(
        blocks[first...], lower.map { Variable($0.rows, on: tape) } ?? embedded(batch, on: tape), batch, recompute,
        cache
      ))
  }

  /// Leading blocks without anything trained; none where the embedding is trained.
  public var frozenBlockCount: Int { embedding is ParameterMatrix ? 0 : blocks.prefix { !$0.isTrained }.count }

  /// Rows that leave the first `count` blocks: [n, hidden].
  public func lowerRows(_ batch: TokenBatch, blocks count: Int) -> LowerRows {
    let rows = run(
      blocks[..<count], embedded(batch, on: Tape(isRecording: false)), batch, RecomputePlan(.keepAll), nil)
    return LowerRows(blockCount: count, rows: rows.value)
  }

  private func embedded(_ batch: TokenBatch, on tape: Tape) -> Variable {
    let x = tape.rows(batch.ids, of: embedding)
    // Pages of the few rows above; as the head, the matrix is needed whole and soon.
    if !configuration.tiesHead { embedding.release() }
    return x
  }

  /// `x` is given away: nobody holds the first rows while the blocks run.
  private func run(
    _ part: ArraySlice<TransformerBlock>, _ x: consuming Variable, _ batch: TokenBatch, _ recompute: RecomputePlan,
    _ cache: KeyValueCache?
  ) -> Variable {
    let pass = ForwardPass(
      rotation: rotary.table(positions: batch.positions), segments: batch.segments, cache: cache)
    for (index, block) in zip(part.indices, part) {
      // Below the first trained block nobody wants a gradient, so nothing is kept.
      let isRecorded = x.needsGradient || block.isTrained
      let policy = isRecorded ? recompute.policy(ofBlock: index, of: blocks.count) : .keepAll
      x = x.checkpointed(policy) { block($0, pass) }
    }
    return x
  }
}

/// Builds the parts of a Llama from named weights, checking every shape.
private struct LlamaReader {
  let configuration: LlamaConfiguration
  let weights: any WeightSource
  let adapters: AdapterChoice
  let modules: ModuleChoice

  func block(_ index: Int) throws -> TransformerBlock {
    let path = "model.layers.\(index)"
    let hidden = configuration.hiddenSize
    let queryWidth = configuration.heads * configuration.head
    let keyWidth = configuration.keyValueHeads * configuration.head
    func attention(_ name: String, _ rows: Int, _ columns: Int) throws -> AdaptedLinear {
      try linear("\(path).self_attn.\(name)", rows, columns, hasBias: configuration.hasAttentionBias)
    }
    func mlp(_ name: String, _ rows: Int, _ columns: Int) throws -> AdaptedLinear {
      try linear("\(path).mlp.\(name)", rows, columns, hasBias: configuration.hasMLPBias)
    }
    return TransformerBlock(
      attentionNorm: try norm("\(path).input_layernorm"),
      attention: SelfAttention(
        query: try attention("q_proj", queryWidth, hidden), key: try attention("k_proj", keyWidth, hidden),
        value: try attention("v_proj", keyWidth, hidden), output: try attention("o_proj", hidden, queryWidth),
        layer: index, heads: configuration.heads, keyValueHeads: configuration.keyValueHeads, head: configuration.head),
      mlpNorm: try norm("\(path).post_attention_layernorm"),
      mlp: GatedMLP(
        gate: try mlp("gate_proj", configuration.intermediateSize, hidden),
        up: try mlp("up_proj", configuration.intermediateSize, hidden),
        down: try mlp("down_proj", hidden, configuration.intermediateSize)))
  }

  func linear(_ name: String, _ rows: Int, _ columns: Int, hasBias: Bool) throws -> AdaptedLinear {
    let bias = hasBias ? try vector("\(name).bias", rows) : nil
    return try AdaptedLinear(
      FrozenLinear(weight: try matrix(name, rows, columns), bias: bias), at: name, choice: adapters)
  }

  func matrix(_ name: String, _ rows: Int, _ columns: Int) throws -> any FrozenMatrix {
    let matrix = try weights.frozenMatrix(named: "\(name).weight", rows: rows, columns: columns)
    guard matrix.rows == rows, matrix.columns == columns else {
      throw ModelError.shape(
        tensor: "\(name).weight", expected: [rows, columns], found: [matrix.rows, matrix.columns])
    }
    return matrix
  }

  /// Of a head beside the embedding that is said to be the head, transformers 4 sees nothing and 5 takes it: it must be the
  /// same.
  func checkHead(isLike table: any FrozenMatrix) throws {
    guard weights.contains("lm_head.weight"), !Tensor.isPlanning else { return }
    let head = try matrix("lm_head", table.rows, table.columns)
    for first in stride(from: 0, to: table.rows, by: 1024) {
      let ids = (first..<min(table.rows, first + 1024)).map(Int32.init)
      guard head.rows(ids) == table.rows(ids) else { throw ModelError.untiedHead(tensor: "lm_head.weight") }
    }
  }

  func norm(_ name: String) throws -> RMSNorm {
    let weight = try vector("\(name).weight", configuration.hiddenSize)
    let parameter = try modules(ModuleSite(name: name, kind: .norm)) { weight.copied(in: .adapters) }
    return RMSNorm(weight: weight, parameter: parameter, eps: configuration.normEpsilon)
  }

  func trainable(_ matrix: any FrozenMatrix, _ site: ModuleSite) throws -> any FrozenMatrix {
    let parameter = try modules(site) { matrix.rows((0..<matrix.rows).map(Int32.init)) }
    return parameter.map(ParameterMatrix.init) ?? matrix
  }

  func vector(_ name: String, _ count: Int) throws -> Tensor {
    let vector = try weights.vector(named: name, count: count)
    guard vector.shape.dimensions == [count] else {
      throw ModelError.shape(tensor: name, expected: [count], found: vector.shape.dimensions)
    }
    return vector
  }
}

extension WeightGroup {
  /// Matrices summed by name and storage, in the order in which these first appear.
  static func sum(_ matrices: [(String, any FrozenMatrix)]) -> [WeightGroup] {
    var order: [[String]] = []
    var sums: [[String]: (bytes: Int, parameters: Int)] = [:]
    for (name, matrix) in matrices {
      let key = [name, matrix.storageName]
      if sums[key] == nil { order.append(key) }
      sums[key, default: (0, 0)].bytes += matrix.byteCount
      sums[key, default: (0, 0)].parameters += matrix.rows * matrix.columns
    }
    return order.compactMap { key in
      sums[key].map { WeightGroup(name: key[0], storage: key[1], bytes: $0.bytes, parameters: $0.parameters) }
    }
  }
}
