public import QPEFTAutodiff
public import QPEFTLayers
public import QPEFTTensor

/// Sizes of a decoder-only language model.
public struct ModelShape: Hashable, Sendable {
  /// Tokens of the vocabulary, features of a row, blocks, heads of keys (and values), and features of a head.
  public let vocabularySize, hiddenSize, blockCount, keyValueHeads, head: Int
  /// Longest context the model was trained on, in tokens.
  public let maximumPositions: Int
}

/// Frozen weights of one kind, for reports.
public struct WeightGroup: Hashable, Sendable, Codable {
  /// For example `attention and MLP matrices`.
  public let name: String
  /// For example `nf4` or `bf16`.
  public let storage: String
  /// Bytes mapped from disk, and number of parameters.
  public let bytes, parameters: Int
}

/// Rows that left the first blocks of a model, computed before.
public struct LowerRows: Sendable {
  /// How many blocks they left.
  public let blockCount: Int
  /// The rows: [n, hidden].
  public let rows: Tensor

  /// Rows that left the first `blockCount` blocks.
  public init(blockCount: Int, rows: Tensor) {
    self.blockCount = blockCount
    self.rows = rows
  }
}

/// A decoder-only language model over frozen weights, with adapters in its linear layers.
public protocol LanguageModel {
  /// Its sizes.
  var shape: ModelShape { get }
  /// The output head: `[vocabulary, hidden]`.
  var head: any FrozenMatrix { get }
  /// All linear layers in the order of use.
  var linears: [AdaptedLinear] { get }
  /// What is frozen, by kind and storage.
  var weightGroups: [WeightGroup] { get }
  /// Rows after the final norm: [n, hidden]. `head · rowᵀ` are the logits.
  ///
  /// `recompute` says what every block keeps for backward. With `lower`, the blocks that it left are not run.
  func hidden(
    _ batch: TokenBatch, on tape: Tape, recompute: RecomputePlan, cache: KeyValueCache?, lower: LowerRows?
  ) -> Variable
  /// Blocks from the first on in which, and before which, nothing is trained: what leaves them depends on a document's tokens
  /// alone.
  var frozenBlockCount: Int { get }
  /// Rows that leave the first `count` blocks, without gradient.
  func lowerRows(_ batch: TokenBatch, blocks count: Int) -> LowerRows
}

extension LanguageModel {
  /// Rows after the final norm, with all blocks run.
  public func hidden(_ batch: TokenBatch, on tape: Tape, recompute: RecomputePlan, cache: KeyValueCache?) -> Variable {
    hidden(batch, on: tape, recompute: recompute, cache: cache, lower: nil)
  }

  /// Logits of all rows of a batch, or of its last one, without gradient: [rows, vocabulary]. The batch is not empty.
  public func logits(_ batch: TokenBatch, cache: KeyValueCache? = nil, lastRowOnly: Bool = false) -> Tensor {
    precondition(batch.count > 0, "logits of no tokens")
    let rows = hidden(batch, on: Tape(isRecording: false), recompute: RecomputePlan(.keepAll), cache: cache).value
    cache?.advance(by: batch.count)
    return head.multiply(lastRowOnly ? rows.rows((batch.count - 1)..<batch.count) : rows)
  }

  /// An empty key/value cache for up to `capacity` tokens.
  public func makeCache(capacity: Int, type: CacheType = .f32) -> KeyValueCache {
    KeyValueCache(
      layers: shape.blockCount, capacity: capacity, heads: shape.keyValueHeads, head: shape.head,
      type: type)
  }
}
