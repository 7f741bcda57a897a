internal import QPEFTTensor

/// Keys and values of the rows seen so far, by layer, for generation.
///
/// Memory: `2 · layers · heads · capacity · head` floats; rows are added in place. Head after head, so that attention reads what it
/// needs of a head as one run of memory.
public final class KeyValueCache {
  /// Rows that all layers hold.
  public private(set) var count = 0
  /// Rows that fit.
  public let capacity: Int
  private var keys: [Tensor]
  private var values: [Tensor]

  /// An empty cache of `capacity` rows of `heads` key/value heads of `head` numbers for each layer.
  public init(layers: Int, capacity: Int, heads: Int, head: Int) {
    self.capacity = capacity
    keys = (0..<layers).map { _ in Tensor(uninitialized: [heads, capacity, head]) }
    values = (0..<layers).map { _ in Tensor(uninitialized: [heads, capacity, head]) }
  }

  /// Adds rows `[n, heads · head]` of one layer behind the rows all layers hold, and lends all of that layer,
  /// `[heads, capacity, head]`. The rows count once `advance` is called.
  func append(layer: Int, keys newKeys: Tensor, values newValues: Tensor) -> (keys: Tensor, values: Tensor) {
    precondition(count + newKeys.shape.rows <= capacity, "the cache of \(capacity) rows is full")
    keys[layer].replace(rowsFrom: count, with: newKeys)
    values[layer].replace(rowsFrom: count, with: newValues)
    return (keys[layer], values[layer])
  }

  /// Counts rows that every layer has added.
  public func advance(by rows: Int) { count += rows }
}

extension Tensor {
  fileprivate mutating func replace(rowsFrom start: Int, with rows: Tensor) {
    let (heads, capacity, head) = (shape[0], shape[1], shape[2])
    withMutableElements { target in
      rows.withElements { rows in
        for index in 0..<rows.count / head {
          let (row, h) = index.quotientAndRemainder(dividingBy: heads)
          let place = target[((h * capacity + start + row) * head)...].prefix(head)
          _ = UnsafeMutableBufferPointer(rebasing: place).update(fromContentsOf: rows[(index * head)...].prefix(head))
        }
      }
    }
  }
}
