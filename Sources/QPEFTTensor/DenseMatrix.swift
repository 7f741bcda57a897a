public import QPEFTKernels

/// A frozen matrix of f32, f16 or bf16 numbers, read in place.
public struct DenseMatrix: ViewedMatrix {
  /// The numbers as the kernels see them.
  public let view: MatrixView
  /// Type of the stored numbers.
  public let elementType: ElementType
  /// Keeps the numbers alive.
  public let owner: any AnyObject & Sendable

  /// A matrix over `bytes`, which `owner` keeps alive and nobody writes; aligned to one number.
  package init(
    bytes: UnsafeRawBufferPointer, elementType: ElementType, rows: Int, columns: Int, owner: any AnyObject & Sendable
  ) {
    view = MatrixView(dense: bytes, storage: elementType.storage, rows: rows, columns: columns)
    self.elementType = elementType
    self.owner = owner
  }

  /// A matrix of the numbers of a tensor `[rows, columns]`.
  public init(_ tensor: Tensor) {
    precondition(tensor.shape.rank == 2, "a matrix has two dimensions, not \(tensor.shape)")
    let owner = TensorOwner(tensor)
    self.init(
      bytes: owner.tensor.withElements { UnsafeRawBufferPointer($0) }, elementType: .f32, rows: tensor.shape[0],
      columns: tensor.shape[1], owner: owner)
  }

  /// Bytes on disk.
  public var byteCount: Int { rows * columns * elementType.byteWidth }
  /// `f32`, `f16` or `bf16`.
  public var storageName: String { elementType.rawValue.lowercased() }
}

/// Holds a tensor that a view points into; being shared, its storage is never written.
private final class TensorOwner: Sendable {
  let tensor: Tensor
  init(_ tensor: Tensor) { self.tensor = tensor }
}

extension ViewedMatrix {
  /// `y[n, rows] = x · Wᵀ + term`, or `+=`.
  public func multiply(_ x: Tensor, into y: inout Tensor, accumulate: Bool, plus term: LowRankTerm?) {
    let n = x.shape.rows
    WorkMeter.current?.add(product(tokens: n, isTransposed: false), plus: term)
    Tensor.withWorkspace(byteCount: workspaceByteCount(rows: n)) { scratch in
      y.withMutableElements { y in
        x.withElements { x in
          term.withElements { term in
            let arithmetic = ProductArithmetic.current
            if arithmetic == .fixedPoint && !accumulate {
              Kernels.multiplyFixedPoint(y, x, view, n: n, plus: term, scratch: scratch)
            } else {
              Kernels.multiply(
                y, x, view, n: n, accumulate: accumulate, inBFloat16: arithmetic == .bfloat16, plus: term,
                scratch: scratch)
            }
          }
        }
      }
    }
  }

  /// `dx[n, columns] = dy · W + term`, or `+=`.
  public func multiplyTransposed(_ dy: Tensor, into dx: inout Tensor, accumulate: Bool, plus term: LowRankTerm?) {
    let n = dy.shape.rows
    WorkMeter.current?.add(product(tokens: n, isTransposed: true), plus: term)
    Tensor.withWorkspace(byteCount: workspaceByteCount(rows: n)) { scratch in
      dx.withMutableElements { dx in
        dy.withElements { dy in
          term.withElements {
            Kernels.multiplyTransposed(
              dx, dy, view, n: n, accumulate: accumulate, inBFloat16: ProductArithmetic.isBFloat16, plus: $0,
              scratch: scratch)
          }
        }
      }
    }
  }

  private func product(tokens: Int, isTransposed: Bool) -> KernelCall {
    .product(
      storage: storageName, rows: rows, columns: columns, isTransposed: isTransposed, tokens: tokens,
      isBFloat16: ProductArithmetic.isBFloat16)
  }

  /// Rows by index, decoded.
  public func rows(_ ids: [Int32]) -> Tensor {
    var y = Tensor(uninitialized: [ids.count, columns])
    y.withMutableElements { y in ids.withUnsafeBufferPointer { Kernels.gatherRows(y, view, ids: $0) } }
    return y
  }

  /// Bytes of workspace of a product with `n` rows.
  public func workspaceByteCount(rows n: Int) -> Int { Kernels.multiplyScratchBytes(view, n: n) }
}
