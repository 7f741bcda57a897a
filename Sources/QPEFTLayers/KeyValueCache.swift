internal import QPEFTTensor

/// Keys and values of the rows seen so far, by layer, for generation.
///
/// Memory: `2 · layers · capacity · width` floats; rows are added in place.
public final class KeyValueCache {
  /// Rows that all layers hold.
  public private(set) var count = 0
  /// Rows that fit.
  public let capacity: Int
  private var keys: [Tensor]
  private var values: [Tensor]

  /// An empty cache of `capacity` rows of `width` (key/value heads · head) for each layer.
  public init(layers: Int, capacity: Int, width: Int) {
    self.capacity = capacity
    keys = (0..<layers).map { _ in Tensor(uninitialized: [capacity, width]) }
    values = (0..<layers).map { _ in Tensor(uninitialized: [capacity, width]) }
  }

  /// Adds rows of one layer behind the rows all layers hold, and lends all of that layer. The rows count once `advance` is called.
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
    let width = shape.columns
    withMutableElements { target in
      rows.withElements {
        _ = UnsafeMutableBufferPointer(rebasing: target[(start * width)...]).update(fromContentsOf: $0)
      }
    }
  }
}
