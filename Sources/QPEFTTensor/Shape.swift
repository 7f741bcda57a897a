/// Extents of a tensor, outermost first: `[512, 576]` is 512 rows of 576 numbers.
public struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible {
  /// Extent of each dimension, outermost first.
  public let dimensions: [Int]

  /// A shape of these extents, none negative.
  public init(_ dimensions: [Int]) {
    precondition(dimensions.allSatisfy { $0 >= 0 }, "negative extent in \(dimensions)")
    self.dimensions = dimensions
  }

  /// A shape of these extents, none negative.
  public init(arrayLiteral elements: Int...) { self.init(elements) }

  /// Number of elements.
  public var count: Int { dimensions.reduce(1, *) }

  /// Number of dimensions.
  public var rank: Int { dimensions.count }

  /// Extent of the innermost dimension; 1 for a scalar.
  public var columns: Int { dimensions.last ?? 1 }

  /// Number of innermost rows.
  public var rows: Int { dimensions.dropLast().reduce(1, *) }

  /// Bytes of this many float32.
  public var byteCount: Int { count * MemoryLayout<Float>.stride }

  /// Extent of one dimension.
  public subscript(_ dimension: Int) -> Int { dimensions[dimension] }

  /// For example `[512, 576]`.
  public var description: String { "\(dimensions)" }
}
