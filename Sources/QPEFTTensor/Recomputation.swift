/// How a tensor is computed again in backward, or late. It is computed once; its memory lives as long as this object.
///
/// `@unchecked Sendable`: only operations of one tape ask for the result, and a tape belongs to one task.
package final class Recomputation: @unchecked Sendable {
  package let shape: Shape
  private var body: (() -> Tensor)?
  private var result: Tensor?

  /// `body` gives the same numbers as the first time, bit for bit.
  package init(_ shape: Shape, _ body: @escaping () -> Tensor) {
    self.shape = shape
    self.body = body
  }

  /// The numbers.
  package var tensor: Tensor {
    if let result { return result }
    // What it is computed from need not live as long as the result.
    guard let body = body.take() else { preconditionFailure("a tensor whose computation asks for itself") }
    let tensor = Tensor.$isRecomputing.withValue(true) { body() }
    result = tensor
    return tensor
  }
}

/// A tensor that is kept: its numbers, or, where it says how, the way to compute them again.
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

  /// The numbers of `tensor`, even where it says how to compute them again.
  package init(numbers tensor: Tensor) { content = .numbers(tensor) }

  /// A tensor that `body` computes when somebody asks for it.
  package init(_ shape: Shape, _ body: @escaping () -> Tensor) { content = .recomputation(Recomputation(shape, body)) }

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
