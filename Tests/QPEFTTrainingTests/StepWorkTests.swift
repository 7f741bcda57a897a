import Foundation
import QPEFT
import Testing

@Suite("Work of a step") struct StepWorkTests {
  private func work(_ policy: RecomputePolicy) throws -> (work: StepWork, model: any LanguageModel) {
    let run = try TinyRun()
    let row = TrainingRow(ids: Array(repeating: 5, count: 40), isTrained: Array(repeating: true, count: 40))
    let trainer = try Trainer(
      model: run.model, parameters: run.adapters.parameters, rows: [row],
      options: TrainerTests.options {
        $0.checkpointing = policy
        $0.batchSize = 1
      })
    try trainer.plan()
    return (trainer.work(), run.model)
  }

  private func products(_ work: StepWork) -> Double {
    work.calls.reduce(0) { sum, call in
      if case .product = call.key { sum + call.key.operations * Double(call.value) } else { sum }
    }
  }

  @Test func `products are those of forward, backward and what is computed again`() throws {
    let (kept, model) = try work(.keepAll)
    let linear = model.linears.reduce(0) { $0 + $1.base.weight.rows * $1.base.weight.columns }
    let head = model.head.rows * model.head.columns
    // The first block's q, k and v: nobody wants the gradient of the embedding's rows. The last row has nothing to predict.
    let first = model.linears.prefix(3).reduce(0) { $0 + $1.base.weight.rows * $1.base.weight.columns }
    let expected = 2 * 40 * (2 * linear - first) + 2 * 39 * 2 * head
    #expect(products(kept) == Double(expected))
    let again = try work(.blockInput).work
    // Nobody asks for a block's result a second time, so its last product is left out.
    let last = model.linears.filter { $0.site.name.hasSuffix("down_proj") }.reduce(0) {
      $0 + $1.base.weight.rows * $1.base.weight.columns
    }
    #expect(products(again) == Double(expected + 2 * 40 * (linear - last)))
    #expect(products(try work(.keepProducts).work) == products(kept))
    #expect(again.tensorBytes > kept.tensorBytes && again.operations > kept.operations)
  }

  @Test(arguments: ComputeType.allCases)
  func `attention is counted by document, forward and backward`(type: ComputeType) throws {
    let run = try TinyRun()
    let rows = [9, 20].map {
      TrainingRow(ids: Array(repeating: 5, count: $0), isTrained: Array(repeating: true, count: $0))
    }
    let trainer = try Trainer(
      model: run.model, parameters: run.adapters.parameters, rows: rows,
      options: TrainerTests.options {
        $0.checkpointing = .keepAll
        $0.computeType = type
      })
    let counts = trainer.work().calls.compactMap { call, count -> [Int]? in
      guard case .attention(_, _, _, let tokens, let isBackward, let isBFloat16) = call else { return nil }
      #expect(isBFloat16 == (type == .bf16))
      return [tokens, isBackward ? 1 : 0, count]
    }
    let blocks = run.model.shape.blockCount
    #expect(Set(counts) == [[9, 0, blocks], [9, 1, blocks], [20, 0, blocks], [20, 1, blocks]])
  }
}
