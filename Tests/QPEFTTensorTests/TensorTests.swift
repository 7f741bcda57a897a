import QPEFTKernels
import QPEFTTensor
import Testing

@Suite("A tensor", .serialized)
struct TensorTests {
  @Test func `is a value: writing a copy leaves the original`() {
    let a = Tensor([2, 2], [1, 2, 3, 4])
    var b = a
    b.add(a)
    #expect(a.elements == [1, 2, 3, 4])
    #expect(b.elements == [2, 4, 6, 8])
  }

  @Test func `is charged to its room until the last copy is gone`() {
    let ledger = MemoryLedger()
    MemoryLedger.$current.withValue(ledger) {
      var a: Tensor? = Tensor.zeros([10, 10], in: .adapters)
      let b = a
      #expect(ledger[.adapters].current == 400)
      a = nil
      #expect(ledger[.adapters].current == 400)
      _ = b?.count
    }
    #expect(ledger.total.current == 0)
    #expect(ledger.total.peak == 400)
  }

  @Test func `of a dry run is charged, but neither filled nor written`() {
    let ledger = MemoryLedger()
    MemoryLedger.$current.withValue(ledger) {
      Tensor.$isPlanning.withValue(true) {
        var a = Tensor.zeros([1 << 20, 1 << 12])
        #expect(a.isPhantom)
        a.withMutableElements { _ in Issue.record("a phantom was written") }
        #expect(ledger[.activations].current == 1 << 34)
      }
    }
  }

  @Test func `multiplies as matrices do, with every transposition`() {
    let a = Tensor([2, 3], [1, 2, 3, 4, 5, 6])
    let b = Tensor([3, 2], [7, 8, 9, 10, 11, 12])
    #expect(a.times(b).elements == [58, 64, 139, 154])
    #expect(a.timesTransposed(a).elements == [14, 32, 32, 77])
    var c = Tensor([3, 3], [1, 0, 0, 0, 1, 0, 0, 0, 1])
    c.addProduct(a, transposeA: true, a)
    #expect(c.elements == [18, 22, 27, 22, 30, 36, 27, 36, 46])
  }

  @Test func `draws the same random numbers for the same key alone`() {
    let a = Tensor.uniform([1000], key: .init(seed: 1, step: 2, site: 3))
    #expect(a == Tensor.uniform([1000], key: .init(seed: 1, step: 2, site: 3)))
    #expect(a != Tensor.uniform([1000], key: .init(seed: 1, step: 2, site: 4)))
    #expect(a.elements.allSatisfy { $0 >= 0 && $0 < 1 })
    #expect(abs(a.sum() / 1000 - 0.5) < 0.05)
  }

  @Test func `traps on shapes that do not fit`() async {
    await #expect(processExitsWith: .failure) { _ = Tensor([2, 2], [1, 2, 3]) }
    await #expect(processExitsWith: .failure) { _ = Tensor([2], [1, 2]) + Tensor([3], [1, 2, 3]) }
  }
}
