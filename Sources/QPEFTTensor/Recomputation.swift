/// How a tensor is computed again in backward. It is computed once; its memory lives as long as this object.
///
/// `@unchecked Sendable`: only operations of one tape ask for the result, and a tape belongs to one task.
package final class Recomputation: @unchecked Sendable {
  package let shape: Shape
  private let body: () -> Tensor
  private var result: Tensor?

  /// `body` gives the same numbers as the first time, bit for bit.
  package init(_ shape: Shape, _ body: @escaping () -> Tensor) {
    self.shape = shape
    self.body = body
  }

  /// The numbers.
  package var tensor: Tensor {
    if let result { return result }
    let tensor = Tensor.$isRecomputing.withValue(true) { body() }
    result = tensor
    return tensor
  }
}

/// A tensor that an operation keeps for backward: its numbers, or, where it says how, the way to compute them again.
public struct KeptTensor: Sendable {
  private enum Content {
    case numbers(Tensor)
    case recomputation(Recomputation)
  }

  private let content: Content

  /// Keeps `tensor`, or how it is computed again.
  public init(_ tensor: Tensor) {
    content = tensor.recomputation.map { .recomputation($0) } ?? .numbers(tensor)
  }

  /// Extents; nothing is computed.
  public var shape: Shape {
    switch content {
    case .numbers(let tensor): tensor.shape
    case .recomputation(let recomputation): recomputation.shape
    }
  }

  /// The tensor, computed again if need be: once for all operations that keep it.
  public var tensor: Tensor {
    switch content {
    case .numbers(let tensor): tensor
    case .recomputation(let recomputation): recomputation.tensor
    }
  }
}
