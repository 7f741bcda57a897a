internal import QPEFTKernels

/// Repeatable numbers that stay where they are for as long as somebody measures with them.
///
/// `@unchecked Sendable`: one measurement runs at a time.
package final class Numbers: @unchecked Sendable {
  package let buffer: UnsafeMutableBufferPointer<Float>
  package var input: UnsafeBufferPointer<Float> { UnsafeBufferPointer(buffer) }
  package var count: Int { buffer.count }

  /// `count` numbers between -0.5 and 0.5.
  package init(_ count: Int, seed: UInt64 = 1) {
    let byteCount = max(count, 1) * MemoryLayout<Float>.stride
    let memory = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
    HugePages.want(in: UnsafeMutableRawBufferPointer(start: memory, count: byteCount))  // as large tensors have
    buffer = UnsafeMutableBufferPointer(start: memory.bindMemory(to: Float.self, capacity: max(count, 1)), count: count)
    Kernels.uniform(buffer, key: RandomKey(seed: seed))
    for index in buffer.indices { buffer[index] -= 0.5 }
  }

  deinit { buffer.deallocate() }
}

/// Memory that kernels take as scratch, or that stands for a mapped file, whose pages are small.
package final class Scratch: @unchecked Sendable {
  package let bytes: UnsafeMutableRawBufferPointer
  package init(_ byteCount: Int, isMapped: Bool = false) {
    bytes = .allocate(byteCount: max(byteCount, 64), alignment: 64)
    if !isMapped { HugePages.want(in: bytes) }
  }
  deinit { bytes.deallocate() }
}
