package import QPEFTKernels

/// How numbers of a key/value cache are kept.
public enum CacheType: String, Hashable, Sendable, Codable, CaseIterable {
  /// As they are computed.
  case f32
  /// Half as large and as fast to read: the nearest float16; beyond the range of the type, ±65504.
  case f16

  package var storage: MatrixStorage { self == .f32 ? .f32 : .f16 }
}

/// Rows of keys, or of values, that later rows attend to: `[heads, capacity, head]` numbers of float32 or float16. Head after head, so that
/// attention reads what it needs of a head as one run of memory.
package struct CachedRows: Sendable {
  package let heads, capacity, head: Int
  package let type: CacheType
  /// The memory, two float16 in the place of a float.
  private var memory: Tensor

  /// Room for `capacity` rows, to be written before they are read.
  package init(heads: Int, capacity: Int, head: Int, type: CacheType) {
    self.heads = heads
    self.capacity = capacity
    self.head = head
    self.type = type
    let byteCount = heads * capacity * head * type.storage.byteWidth
    memory = Tensor(uninitialized: [(byteCount + 3) / 4])
  }

  /// Writes `rows` `[n, heads · head]` from row `first` on.
  package mutating func write(_ rows: Tensor, at first: Int) {
    let byteCount = byteCount
    memory.withMutableElements { memory in
      let bytes = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(memory)[..<byteCount])
      rows.withElements {
        Kernels.cacheRows(bytes, storage: type.storage, first: first, rows: $0, heads: heads, head: head)
      }
    }
  }

  /// Reads the numbers in place.
  package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    memory.withElements { body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer($0)[..<byteCount])) }
  }

  private var byteCount: Int { heads * capacity * head * type.storage.byteWidth }
}
