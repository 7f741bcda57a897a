public import QPEFTAutodiff
internal import QPEFTKernels
public import QPEFTLayers
public import QPEFTModels
public import QPEFTTensor

/// A model that computes the frozen blocks below its adapters once for every document, and reads their rows from the disk after.
///
/// - Memory: as the model, and the document's rows while they are read; nothing is mapped.
public struct CachedModel: LanguageModel {
  /// The model itself.
  public let model: any LanguageModel
  /// Where rows are kept.
  public let cache: ActivationCache

  /// Products of so few rows take another path, whose last bits differ (`QP_FEW_MAX` of the kernels).
  private static let fewRows = 8

  /// A model with its cache in `directory`. `key` names the model by its contents; it is asked for when rows are.
  /// - Throws: `TrainingError.nothingToCache` if the first block is trained.
  package init(
    _ model: any LanguageModel, directory: String, storage: ActivationCache.Storage, key: @escaping () -> Fingerprint
  ) throws(TrainingError) {
    let count = model.frozenBlockCount
    guard count > 0 else { throw .nothingToCache }
    self.model = model
    cache = ActivationCache(
      directory: directory, storage: storage, blockCount: count, width: model.shape.hiddenSize, key: key)
  }

  /// The model's sizes.
  public var shape: ModelShape { model.shape }
  /// The model's head.
  public var head: any FrozenMatrix { model.head }
  /// The model's linear layers.
  public var linears: [AdaptedLinear] { model.linears }
  /// The model's weights.
  public var weightGroups: [WeightGroup] { model.weightGroups }
  /// Those of the model.
  public var frozenBlockCount: Int { model.frozenBlockCount }

  /// The model's rows; nothing is read or kept.
  public func lowerRows(_ batch: TokenBatch, blocks count: Int) -> LowerRows { model.lowerRows(batch, blocks: count) }

  /// The model's rows, of lower blocks from the cache. Generation, where rows come one by one, does without.
  public func hidden(
    _ batch: TokenBatch, on tape: Tape, recompute: RecomputePlan, cache: KeyValueCache?, lower: LowerRows?
  ) -> Variable {
    let isCached = cache == nil && lower == nil && batch.count > Self.fewRows
    return model.hidden(
      batch, on: tape, recompute: recompute, cache: cache, lower: isCached ? remembered(batch) : lower)
  }

  private func remembered(_ batch: TokenBatch) -> LowerRows {
    guard batch.segments.count > 1 else {
      return LowerRows(blockCount: cache.blockCount, rows: remembered(batch.ids[...]))
    }
    var rows = Tensor(uninitialized: [batch.count, cache.width])
    for segment in batch.segments {
      let range = segment.queryStart..<(segment.queryStart + segment.queryCount)
      let part = remembered(batch.ids[range])
      rows.withMutableElements { rows in
        part.withElements { part in
          _ = UnsafeMutableBufferPointer(rebasing: rows[(range.lowerBound * cache.width)...]).update(
            fromContentsOf: part)
        }
      }
    }
    return LowerRows(blockCount: cache.blockCount, rows: rows)
  }

  /// The rows of one document.
  private func remembered(_ ids: ArraySlice<Int32>) -> Tensor {
    let found = cache.read(ids)
    if let found, cache.isVerified { return found }
    let rows = computed(ids)
    return found.map { cache.compare($0, with: rows, of: ids) } ?? cache.keep(rows, of: ids)
  }

  /// A short document is computed several times side by side, as it would be beside others. In float32, whatever the run computes in: runs
  /// and evaluations share these rows.
  private func computed(_ ids: ArraySlice<Int32>) -> Tensor {
    let copies = Self.fewRows / ids.count + 1
    var batch = TokenBatch()
    for _ in 0..<copies { batch.append(ids: Array(ids), isTrained: ids.map { _ in false }) }
    let rows = ProductArithmetic.$current.withValue(.float32) { model.lowerRows(batch, blocks: cache.blockCount).rows }
    return copies == 1 ? rows : rows.rows(0..<ids.count)
  }
}
