/// Memory of one tensor, charged to the ledger that was current when it was made.
///
/// `@unchecked Sendable`: written only while uniquely referenced (`Tensor` copies on write) and by one owner.
final class TensorStorage: @unchecked Sendable {
  let count: Int
  let room: Room
  private let ledger: MemoryLedger?
  /// Of a large tensor with a ledger; nil where it was refused.
  private let block: MemoryBlock?
  /// Of any other tensor; nil for a phantom: a tensor of a dry run, which has a size but no numbers.
  private let memory: UnsafeMutableRawPointer?

  init(count: Int, room: Room, phantom: Bool) {
    self.count = count
    self.room = room
    ledger = MemoryLedger.current
    let byteCount = count * MemoryLayout<Float>.stride
    let isLarge = byteCount >= BlockPool.smallest
    let phantom = phantom || ledger?.hasRefused ?? false
    ledger?.charge(byteCount, to: room, isPooled: isLarge)
    block = isLarge ? ledger?.take(byteCount, isPhantom: phantom) : nil
    if phantom || (isLarge && ledger != nil) {
      memory = nil
    } else {
      memory = .allocate(byteCount: max(4, byteCount), alignment: 64)
    }
    (block?.address ?? memory)?.bindMemory(to: Float.self, capacity: count)
  }

  deinit {
    let byteCount = count * MemoryLayout<Float>.stride
    ledger?.discharge(byteCount, from: room, isPooled: byteCount >= BlockPool.smallest)
    if let block { ledger?.put(block) }
    memory?.deallocate()
  }

  private var address: UnsafeMutableRawPointer? { block?.address ?? memory }

  var isPhantom: Bool { address == nil || ledger?.hasRefused ?? false }

  var elements: UnsafeMutableBufferPointer<Float> {
    guard let address else { preconditionFailure("a phantom tensor has no numbers") }
    return UnsafeMutableBufferPointer(start: address.assumingMemoryBound(to: Float.self), count: count)
  }
}
