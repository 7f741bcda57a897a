public import QPEFTTensor

/// Keys and values of the rows seen so far, by layer, for generation.
///
/// Memory: `2 · layers · heads · capacity · head` numbers of 4 or 2 bytes; rows are added in place.
public final class KeyValueCache {
  /// Rows that all layers hold.
  public private(set) var count = 0
  /// Rows that fit.
  public let capacity: Int
  private var keys: [CachedRows]
  private var values: [CachedRows]

  /// An empty cache of `capacity` rows of `heads` key/value heads of `head` numbers for each layer.
  public init(layers: Int, capacity: Int, heads: Int, head: Int, type: CacheType = .f32) {
    self.capacity = capacity
    let rows = { (_: Int) in CachedRows(heads: heads, capacity: capacity, head: head, type: type) }
    keys = (0..<layers).map(rows)
    values = (0..<layers).map(rows)
  }

  /// Adds rows `[n, heads · head]` of one layer behind the rows all layers hold, and lends all of that layer. The rows count once
  /// `advance` is called.
  func append(layer: Int, keys newKeys: Tensor, values newValues: Tensor) -> (keys: CachedRows, values: CachedRows) {
    precondition(count + newKeys.shape.rows <= capacity, "the cache of \(capacity) rows is full")
    keys[layer].write(newKeys, at: count)
    values[layer].write(newValues, at: count)
    return (keys[layer], values[layer])
  }

  /// Counts rows that every layer has added.
  public func advance(by rows: Int) { count += rows }
}
