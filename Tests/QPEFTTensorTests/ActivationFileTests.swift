import Foundation
import QPEFTKernels
import QPEFTTensor
import Testing

@Suite("Activations outside of memory") struct ActivationFileTests {
  @Test func `tensors come back from a file as they were put`() throws {
    let file = try ActivationFile(directory: NSTemporaryDirectory(), byteCount: 1 << 16)
    let tensors = (0..<4).map { Tensor.uniform([30 + $0, 7], key: RandomKey(seed: UInt64($0), step: 0)) }
    for _ in 0..<2 {
      let places = tensors.map { file.put($0) }
      for (place, tensor) in zip(places, tensors).reversed() { #expect(file.take(place) == tensor) }
    }
    #expect(file.peakByteCount == tensors.reduce(0) { $0 + $1.byteCount })
    #expect(file.failure == nil)
  }

  @Test func `a place that was never written is a failure that is remembered`() throws {
    let file = try ActivationFile(directory: NSTemporaryDirectory(), byteCount: 0)
    let place = ActivationFile().put(.zeros([8, 8]))
    #expect(file.take(place) == .zeros([8, 8]))
    guard case .system(action: "read", _, _) = file.failure else {
      Issue.record("\(String(describing: file.failure))")
      return
    }
  }

  @Test func `packed numbers are the nearest bfloat16`() {
    let values: [Float] = [0, -1.5, 3.14159, 1e30, -2.5e-20, .infinity, 255.4]
    let packed = PackedTensor(Tensor([values.count], values)).tensor.elements
    #expect(packed == values.map { HalfFloat.float(bfloat: HalfFloat.bfloat($0)) })
    #expect(PackedTensor(Tensor([1], [.nan])).tensor.elements[0].isNaN)
  }
}
