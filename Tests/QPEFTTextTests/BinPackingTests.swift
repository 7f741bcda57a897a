import Foundation
import QPEFTText
import Testing

@Suite("Packing") struct BinPackingTests {
  /// Token counts as instruction datasets have them: log-normal, cut at the limit.
  static func lengths(_ count: Int, median: Double, spread: Double, limit: Int) -> [Int] {
    var generator = TextGenerator(seed: 7, segments: [])
    func uniform() -> Double { (Double(generator.next() >> 11) + 0.5) / 0x1p53 }
    return (0..<count).map { _ in
      let normal = (-2 * log(uniform())).squareRoot() * cos(2 * .pi * uniform())
      return min(limit, max(8, Int(median * exp(spread * normal))))
    }
  }

  @Test(
    "bins are at most 2 % more than the fewest possible, none is too full, and every item is in one",
    arguments: [(60.0, 0.4), (200.0, 0.8), (400.0, 1.0), (900.0, 0.9)], [512, 2048])
  func close(shape: (median: Double, spread: Double), capacity: Int) {
    let sizes = Self.lengths(20_000, median: shape.median, spread: shape.spread, limit: capacity)
    let bins = BinPacking.bestFitDecreasing(sizes, capacity: capacity)
    #expect(bins.joined().sorted() == Array(sizes.indices))
    #expect(bins.allSatisfy { $0.reduce(0) { $0 + sizes[$1] } <= capacity })
    let bound = BinPacking.lowerBound(sizes, capacity: capacity)
    #expect(Double(bins.count) <= 1.02 * Double(bound), "\(bins.count) bins, \(bound) at least")
  }

  @Test("a bin that is far larger than all items costs no more than they do")
  func huge() {
    #expect(BinPacking.bestFitDecreasing([9, 2, 3], capacity: .max) == [[0, 2, 1]])
    #expect(BinPacking.lowerBound([9, 2, 3], capacity: .max) == 1)
  }

  @Test("items larger than a bin stand alone, and equal halves pair up")
  func corners() {
    #expect(BinPacking.bestFitDecreasing([9, 2, 3, 5], capacity: 5) == [[0], [3], [2, 1]])
    #expect(BinPacking.bestFitDecreasing([], capacity: 5).isEmpty)
    #expect(BinPacking.bestFitDecreasing([2, 2, 2, 2], capacity: 4).count == 2)
    #expect(BinPacking.lowerBound([3, 3, 3], capacity: 4) == 3)
  }
}
