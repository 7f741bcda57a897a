public import QPEFTKernels

/// A frozen weight seen as a linear operator; how its numbers are stored is its own business.
///
/// `W` is `[rows, columns]`: `rows` output features, `columns` input features.
public protocol FrozenMatrix: Sendable {
  /// Output features.
  var rows: Int { get }
  /// Input features.
  var columns: Int { get }
  /// Bytes on disk, scales included.
  var byteCount: Int { get }
  /// Short name of the storage in reports, for example `nf4` or `bf16`.
  var storageName: String { get }
  /// `y[n, rows] = x[n, columns] · Wᵀ + term`, or `y += ...`; the term's factor is `[rows, rank]`.
  func multiply(_ x: Tensor, into y: inout Tensor, accumulate: Bool, plus term: LowRankTerm?)
  /// `dx[n, columns] = dy[n, rows] · W + term`, or `dx += ...`; the term's factor is `[rank, columns]`.
  func multiplyTransposed(_ dy: Tensor, into dx: inout Tensor, accumulate: Bool, plus term: LowRankTerm?)
  /// Rows of `W` by index, decoded: `[ids.count, columns]`.
  func rows(_ ids: [Int32]) -> Tensor
  /// Bytes of workspace that a product with `n` rows takes for its duration.
  func workspaceByteCount(rows n: Int) -> Int
  /// Lets the system drop the pages of a mapped file that hold the matrix; they come back from disk when used.
  func release()
  /// Lets the system read these pages in the background.
  func prefetch()
}

extension FrozenMatrix {
  /// Nothing: the matrix does not lie in a mapped file.
  public func release() {}
  /// Nothing: the matrix does not lie in a mapped file.
  public func prefetch() {}
}

extension FrozenMatrix {
  /// `x[n, columns] · Wᵀ + term` as a new tensor `[n, rows]`.
  public func multiply(_ x: Tensor, plus term: LowRankTerm? = nil) -> Tensor {
    var y = Tensor(uninitialized: [x.shape.rows, rows])
    multiply(x, into: &y, accumulate: false, plus: term)
    return y
  }

  /// `dy[n, rows] · W` as a new tensor `[n, columns]`.
  public func multiplyTransposed(_ dy: Tensor) -> Tensor {
    var dx = Tensor(uninitialized: [dy.shape.rows, columns])
    multiplyTransposed(dy, into: &dx, accumulate: false, plus: nil)
    return dx
  }
}

/// A frozen matrix that the kernels read in place through a view.
public protocol ViewedMatrix: FrozenMatrix {
  /// Pointers that stay valid as long as the matrix lives.
  var view: MatrixView { get }
  /// What keeps the memory behind `view` alive.
  var owner: any AnyObject & Sendable { get }
}

extension ViewedMatrix {
  /// Output features.
  public var rows: Int { view.rows }
  /// Input features.
  public var columns: Int { view.columns }

  /// Lets the system drop the pages behind the view, if they are mapped from a file.
  public func release() {
    guard let keeper = owner as? any PageKeeper else { return }
    view.regions.forEach(keeper.release)
  }

  /// Lets the system read the pages behind the view ahead.
  public func prefetch() {
    guard let keeper = owner as? any PageKeeper else { return }
    view.regions.forEach(keeper.prefetch)
  }
}
