import QPEFTTensor
import Testing

@Suite("Memory of a ledger") struct LedgerMemoryTests {
  private static let floats = 1 << 18  // a megabyte

  @Test func `that is free serves tensors of other sizes`() {
    let ledger = MemoryLedger()
    MemoryLedger.$current.withValue(ledger) {
      var tensors = (0..<12).map { _ in Tensor.zeros([Self.floats]) }
      #expect(ledger.resident.current == 12 << 20)
      tensors = []
      tensors = (0..<4).map { _ in Tensor.zeros([3 * Self.floats]) }
      #expect(ledger.resident.peak == 12 << 20)
      tensors = []
      tensors = (0..<48).map { _ in Tensor.zeros([Self.floats / 4]) }
      #expect(ledger.resident.peak == 12 << 20)
      // Every second one: no three of the holes are neighbours.
      for index in stride(from: 0, to: 48, by: 2) { tensors[index] = Tensor.zeros([1]) }
      let wide = Tensor.zeros([3 * Self.floats])
      #expect(ledger.resident.peak > 12 << 20)
      withExtendedLifetime((tensors, wide)) {}
    }
  }

  /// Tensors of many sizes that live and die in no order, each full of a number of its own.
  private func work(_ ledger: MemoryLedger, isDry: Bool) -> Int {
    var lcg: UInt32 = 7
    func random(_ count: Int) -> Int {
      lcg = lcg &* 1_664_525 &+ 1_013_904_223
      return Int(lcg >> 8) % count
    }
    return MemoryLedger.$current.withValue(ledger) {
      Tensor.$isPlanning.withValue(isDry) {
        var tensors: [Tensor?] = Array(repeating: nil, count: 40)
        for turn in 0..<3000 {
          let index = random(tensors.count)
          if let old = tensors[index], !isDry {
            let first = old.elements[0]
            #expect(old.elements.allSatisfy { $0 == first } && Int(first) % tensors.count == index)
          }
          tensors[index] = nil
          let size = 1 + random(60_000)
          if random(3) > 0 {
            var tensor = Tensor(uninitialized: [size])
            tensor.withMutableElements { $0.update(repeating: Float(turn * tensors.count + index)) }
            tensors[index] = tensor
          }
        }
        return ledger.total.peak
      }
    }
  }

  @Test func `has one owner, and is no more than a dry run says`() {
    let (dry, real) = (MemoryLedger(), MemoryLedger())
    let peak = work(dry, isDry: true)
    real.planned = dry.resident.peak
    #expect(work(real, isDry: false) == peak)
    #expect(real.resident.peak <= dry.resident.peak)
    #expect(real.total.current == 0 && real.resident.current <= dry.resident.peak)
  }

  @Test func `that was refused is not what comes after`() {
    let ledger = MemoryLedger()
    ledger.limit = 4 << 20
    MemoryLedger.$current.withValue(ledger) {
      let first = Tensor.zeros([2 * Self.floats])
      do {
        let refused = Tensor.zeros([3 * Self.floats])
        let after = Tensor.zeros([Self.floats])
        #expect(refused.isPhantom && after.isPhantom)
      }
      ledger.clearRefusal()
      let second = Tensor.zeros([Self.floats])
      #expect(!second.isPhantom && second.elements.allSatisfy { $0 == 0 })
      #expect(ledger.resident.current == 3 << 20)
      withExtendedLifetime(first) {}
    }
  }
}
