public import QPEFTKernels

/// An array of float32, row-major and contiguous. A value: copies share memory until one of them is written.
public struct Tensor: Sendable {
  /// Extents, outermost first.
  public let shape: Shape
  private var storage: TensorStorage

  /// True inside a dry run: tensors made in this task are phantoms, which are charged to the ledger like any other but have
  /// no memory. Writing a phantom does nothing, reading it traps. So a run's memory is known by running its own code.
  @TaskLocal public static var isPlanning = false

  /// True while results are computed a second time for backward: what else is charged as activations is then recomputation.
  @TaskLocal package static var isRecomputing = false

  /// How these numbers can be had again from others that are kept anyway; nil: not, or it would take long.
  package var recomputation: Recomputation?

  /// Memory of that shape with arbitrary contents, to be written in full.
  public init(uninitialized shape: Shape, in room: Room = .activations) {
    self.shape = shape
    let room = room == .activations && Tensor.isRecomputing ? .recomputation : room
    storage = TensorStorage(count: shape.count, room: room, phantom: Tensor.isPlanning)
  }

  /// A tensor of these numbers, row by row. `elements` holds exactly `shape.count` numbers.
  public init(_ shape: Shape, _ elements: some Collection<Float>, in room: Room = .activations) {
    precondition(elements.count == shape.count, "\(elements.count) numbers for shape \(shape)")
    self.init(uninitialized: shape, in: room)
    if !isPhantom { _ = storage.elements.update(fromContentsOf: elements) }
  }

  /// A tensor of one number repeated.
  public init(repeating value: Float, _ shape: Shape, in room: Room = .activations) {
    self.init(uninitialized: shape, in: room)
    if !isPhantom { storage.elements.update(repeating: value) }
  }

  /// A tensor of zeros.
  public static func zeros(_ shape: Shape, in room: Room = .activations) -> Tensor {
    Tensor(repeating: 0, shape, in: room)
  }

  /// Uniform numbers in `low ..< high`, the same for the same key.
  public static func uniform(
    _ shape: Shape, low: Float = 0, high: Float = 1, key: RandomKey, in room: Room = .activations
  ) -> Tensor {
    var tensor = Tensor(uninitialized: shape, in: room)
    tensor.withMutableElements { elements in
      Kernels.uniform(elements, key: key)
      for index in elements.indices { elements[index] = low + (high - low) * elements[index] }
    }
    return tensor
  }

  /// Lends 64-byte aligned memory for the duration of `body`, charged as workspace; nil in a dry run.
  package static func withWorkspace(byteCount: Int, _ body: (UnsafeMutableRawBufferPointer?) -> Void) {
    let storage = TensorStorage(count: (byteCount + 3) / 4, room: .workspace, phantom: isPlanning)
    body(storage.isPhantom ? nil : UnsafeMutableRawBufferPointer(storage.elements))
  }

  /// Number of elements.
  public var count: Int { shape.count }

  /// Bytes of the numbers.
  public var byteCount: Int { shape.byteCount }

  /// All numbers, row by row, copied.
  public var elements: [Float] { withElements { Array($0) } }

  /// The only number of a tensor of one element.
  public var scalar: Float {
    precondition(count == 1, "a tensor of shape \(shape) is not a scalar")
    return withElements { $0[0] }
  }

  /// True for a tensor of a dry run, which has no numbers, and for every tensor of a run that got no memory
  /// (`MemoryLedger.refusal`): its step goes on as a dry run to its end and is then thrown away.
  public var isPhantom: Bool { storage.isPhantom }

  /// Reads the numbers in place.
  public func withElements<Result>(_ body: (UnsafeBufferPointer<Float>) throws -> Result) rethrows -> Result {
    try body(UnsafeBufferPointer(storage.elements))
  }

  /// Writes the numbers in place; copies them first if another tensor shares them. `body` is not called for a phantom.
  public mutating func withMutableElements(_ body: (UnsafeMutableBufferPointer<Float>) throws -> Void) rethrows {
    makeUnique()
    if !isPhantom { try body(storage.elements) }
  }

  /// A copy of the rows `range` of the outermost dimension.
  public func rows(_ range: Range<Int>) -> Tensor {
    precondition(range.lowerBound >= 0 && range.upperBound <= shape[0], "\(shape) has no rows \(range)")
    let width = shape.dimensions.dropFirst().reduce(1, *)
    var copy = Tensor(uninitialized: Shape([range.count] + shape.dimensions.dropFirst()), in: storage.room)
    copy.withMutableElements { copy in
      withElements { _ = copy.update(fromContentsOf: $0[(range.lowerBound * width)..<(range.upperBound * width)]) }
    }
    return copy
  }

  private mutating func makeUnique() {
    recomputation = nil
    guard !isKnownUniquelyReferenced(&storage) else { return }
    let copy = TensorStorage(count: count, room: storage.room, phantom: isPhantom)
    if !isPhantom { _ = copy.elements.update(fromContentsOf: storage.elements) }
    storage = copy
  }
}

extension Tensor: Equatable {
  /// Same shape and same numbers (NaN differs from itself).
  public static func == (a: Tensor, b: Tensor) -> Bool {
    a.shape == b.shape && a.withElements { x in b.withElements { y in x.elementsEqual(y) } }
  }
}
