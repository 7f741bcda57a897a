internal import QPEFTKernels

/// Numbers rounded to bfloat16, at half the memory: 8 bits of precision, the range of float32.
package struct PackedTensor: Sendable {
  private let shape: Shape
  /// Two bfloat16 in the place of a float.
  private let pairs: Tensor

  /// The nearest bfloat16 of every number, ties to even; NaN stays NaN.
  package init(_ tensor: Tensor) {
    shape = tensor.shape
    var pairs = Tensor(uninitialized: [(tensor.count + 1) / 2])
    pairs.withMutableElements { pairs in
      UnsafeMutableRawBufferPointer(pairs).withMemoryRebound(to: UInt16.self) { halves in
        tensor.withElements { source in
          for index in source.indices { halves[index] = HalfFloat.bfloat(source[index]) }
        }
      }
    }
    self.pairs = pairs
  }

  /// Numbers of that shape whose bfloat16 `fill` writes; it is not called for a phantom.
  package init(_ shape: Shape, _ fill: (UnsafeMutableRawBufferPointer) -> Void) {
    self.shape = shape
    var pairs = Tensor(uninitialized: [(shape.count + 1) / 2])
    pairs.withMutableElements { pairs in
      fill(UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(pairs)[..<(2 * shape.count)]))
    }
    self.pairs = pairs
  }

  /// Reads the bfloat16 in place; not for a phantom.
  package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    pairs.withElements { body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer($0)[..<(2 * shape.count)])) }
  }

  /// Whether these are the numbers of a dry run.
  package var isPhantom: Bool { pairs.isPhantom }

  /// The rounded numbers as float32.
  package var tensor: Tensor {
    var tensor = Tensor(uninitialized: shape)
    tensor.withMutableElements { target in
      pairs.withElements { pairs in
        let bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(pairs)[..<(2 * shape.count)])
        Kernels.decode(target, MatrixView(dense: bytes, storage: .bf16, rows: 1, columns: shape.count), first: 0)
      }
    }
    return tensor
  }
}
