internal import QPEFTKernels

/// Rows of keys, or of values, that later rows attend to: `[heads, capacity, head]` numbers of float32 or float16. Head after head, so that
/// attention reads what it needs of a head as one run of memory.
///
/// In float16 a number is the nearest there is; beyond the range of the type, ±65504.
package struct CachedRows: Sendable {
  package let heads, capacity, head: Int
  package let elementType: ElementType
  /// The memory, two float16 in the place of a float.
  private var memory: Tensor

  /// Room for `capacity` rows, to be written before they are read.
  package init(heads: Int, capacity: Int, head: Int, elementType: ElementType) {
    self.heads = heads
    self.capacity = capacity
    self.head = head
    self.elementType = elementType
    let byteCount = heads * capacity * head * elementType.byteWidth
    memory = Tensor(uninitialized: [(byteCount + 3) / 4])
  }

  /// Writes `rows` `[n, heads · head]` from row `first` on.
  package mutating func write(_ rows: Tensor, at first: Int) {
    let byteCount = byteCount
    memory.withMutableElements { memory in
      let bytes = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(memory)[..<byteCount])
      rows.withElements {
        Kernels.cacheRows(bytes, storage: elementType.storage, first: first, rows: $0, heads: heads, head: head)
      }
    }
  }

  /// Reads the numbers in place.
  package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    memory.withElements { body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer($0)[..<byteCount])) }
  }

  private var byteCount: Int { heads * capacity * head * elementType.byteWidth }
}
