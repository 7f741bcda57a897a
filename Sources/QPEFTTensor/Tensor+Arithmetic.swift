internal import QPEFTKernels

extension Tensor {
  /// Sum of two tensors of one shape.
  public static func + (a: Tensor, b: Tensor) -> Tensor {
    precondition(a.shape == b.shape, "cannot add \(a.shape) and \(b.shape)")
    var y = Tensor(uninitialized: a.shape)
    y.withMutableElements { y in a.withElements { a in b.withElements { b in Kernels.add(y, a, b) } } }
    return y
  }

  /// Product with a number.
  public static func * (scale: Float, a: Tensor) -> Tensor {
    var y = a
    y.multiply(by: scale)
    return y
  }

  /// Multiplies by a number in place.
  public mutating func multiply(by scale: Float) { withMutableElements { Kernels.scale($0, by: scale) } }

  /// Product of two tensors of one shape, element by element.
  public static func * (a: Tensor, b: Tensor) -> Tensor {
    precondition(a.shape == b.shape, "cannot multiply \(a.shape) and \(b.shape) element by element")
    var y = Tensor(uninitialized: a.shape)
    y.withMutableElements { y in a.withElements { a in b.withElements { b in Kernels.multiplyElements(y, a, b) } } }
    return y
  }

  /// Adds `scale · x` in place.
  public mutating func add(_ x: Tensor, scale: Float = 1) {
    precondition(shape == x.shape, "cannot add \(x.shape) to \(shape)")
    withMutableElements { y in x.withElements { Kernels.axpy(y, $0, scale: scale) } }
  }

  /// Sum of all elements, in double.
  public func sum() -> Double { withElements { $0.reduce(into: 0.0) { $0 += Double($1) } } }

  /// Sum of the products of two tensors of one shape, in double.
  public func dot(_ other: Tensor) -> Double {
    precondition(shape == other.shape, "cannot take the product of \(shape) and \(other.shape)")
    return withElements { a in other.withElements { Kernels.dot(a, $0) } }
  }

  /// Sum of the squares of all elements, in double, in an order that does not depend on threads.
  public func sumOfSquares() -> Double { withElements { Kernels.sumOfSquares($0) } }

  /// True if every element is a finite number.
  public var isFinite: Bool { withElements { $0.allSatisfy(\.isFinite) } }
}
