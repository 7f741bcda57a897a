/// Memory of one tensor, charged to the ledger that was current when it was made.
///
/// `@unchecked Sendable`: written only while uniquely referenced (`Tensor` copies on write) and by one owner.
final class TensorStorage: @unchecked Sendable {
  let count: Int
  let room: Room
  private let ledger: MemoryLedger?
  /// Nil for a phantom: a tensor of a dry run, which has a size but no numbers.
  private let memory: UnsafeMutableRawBufferPointer?

  init(count: Int, room: Room, phantom: Bool) {
    self.count = count
    self.room = room
    ledger = MemoryLedger.current
    ledger?.charge(count * MemoryLayout<Float>.stride, to: room)
    if phantom {
      memory = nil
    } else {
      let memory = Self.allocate(max(1, count) * MemoryLayout<Float>.stride, from: ledger)
      memory.bindMemory(to: Float.self)
      self.memory = memory
    }
  }

  deinit {
    ledger?.discharge(count * MemoryLayout<Float>.stride, from: room)
    guard let memory else { return }
    if let ledger, memory.count >= BlockPool.smallest {
      ledger.put(MemoryBlock(bytes: memory))
    } else {
      memory.deallocate()
    }
  }

  private static func allocate(_ byteCount: Int, from ledger: MemoryLedger?) -> UnsafeMutableRawBufferPointer {
    guard let ledger, byteCount >= BlockPool.smallest else {
      return .allocate(byteCount: byteCount, alignment: 64)
    }
    guard let block = ledger.take(byteCount) else {
      preconditionFailure("the system has no memory for a tensor of \(byteCount) bytes")
    }
    return block.bytes
  }

  var isPhantom: Bool { memory == nil }

  var elements: UnsafeMutableBufferPointer<Float> {
    guard let memory else { preconditionFailure("a phantom tensor has no numbers") }
    return UnsafeMutableBufferPointer(rebasing: memory.assumingMemoryBound(to: Float.self)[..<count])
  }
}
