import Foundation
import QPEFT
import Testing

/// What a step costs the allocator. These numbers are the same on every machine; whoever changes them on purpose writes the new
/// ones here, and says why in the commit. Workspace is left out: its size depends on the number of cores (`ScratchTests`).
@Suite("What a step costs") struct StepCostTests {
  /// Tensors made so far and their bytes, in all rooms but the workspace.
  static func made(_ ledger: MemoryLedger) -> [Int] {
    let rooms = Room.allCases.filter { $0 != .workspace }.map(ledger.allocations)
    return [rooms.reduce(0) { $0 + $1.count }, rooms.reduce(0) { $0 + $1.bytes }]
  }

  @Test(
    "a step makes as many tensors, of as many bytes, as it always did",
    arguments: [(RecomputePolicy.blockInput, [177, 367_080]), (.keepAll, [121, 254_480])])
  func step(checkpointing: RecomputePolicy, expected: [Int]) throws {
    let run = try TinyRun("tied-f32-nf4dq")
    let trainer = try Trainer(
      model: run.model, parameters: run.adapters.parameters, rows: TinyRun.rows(1),
      options: TrainerTests.options { $0.checkpointing = checkpointing })
    for _ in 0..<3 {
      let before = Self.made(trainer.ledger)
      try trainer.step()
      #expect(zip(Self.made(trainer.ledger), before).map { $0 - $1 } == expected)
    }
  }

  @Test(
    "SmolLM2-135M needs as much at 1 x 512 tokens as it always did, by room",
    arguments: [
      (RecomputePolicy.blockInput, [19_537_920, 47_185_920, 29_638_660, 39_075_840]),
      (.keepAll, [19_537_920, 528_959_236, 29_638_660, 39_075_840]),
    ])
  func plan(checkpointing: RecomputePolicy, expected: [Int]) throws {
    let plan = try Tensor.$isPlanning.withValue(true) {
      let adapters = try LoRAAdapters(LoRAConfiguration())
      let model = try Llama(PhantomWeights.smolLM2, weights: PhantomWeights(), adapters: adapters.choice)
      let row = TrainingRow(ids: (0..<512).map { Int32($0) }, isTrained: (0..<512).map { $0 > 0 })
      return try Trainer(
        model: model, parameters: adapters.parameters, rows: [row],
        options: TrainerTests.options {
          $0.batchSize = 1
          $0.checkpointing = checkpointing
        }
      ).plan()
    }
    #expect([plan.adapters, plan.activations, plan.gradients, plan.optimizer] == expected)
  }
}

/// Weights of SmolLM2-135M's shapes without numbers.
private struct PhantomWeights: WeightSource {
  static var smolLM2: LlamaConfiguration {
    get throws {
      try JSONDecoder().decode(
        LlamaConfiguration.self,
        from: Data(
          #"""
          {"architectures": ["LlamaForCausalLM"], "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
           "num_attention_heads": 9, "num_key_value_heads": 3, "vocab_size": 49152, "rms_norm_eps": 1e-5,
           "rope_theta": 100000, "max_position_embeddings": 2048, "tie_word_embeddings": true}
          """#.utf8))
    }
  }

  func contains(_ name: String) -> Bool { true }
  func vector(named name: String) throws -> Tensor { Tensor(repeating: 1, [576]) }

  func frozenMatrix(named name: String) throws -> any FrozenMatrix {
    let shapes = [
      "embed_tokens": (49152, 576), "q_proj": (576, 576), "k_proj": (192, 576), "v_proj": (192, 576),
      "o_proj": (576, 576), "gate_proj": (1536, 576), "up_proj": (1536, 576), "down_proj": (576, 1536),
    ]
    let part = name.split(separator: ".").dropLast().last.map(String.init) ?? ""
    let shape = try #require(shapes[part], "no shape for \(name)")
    return PhantomMatrix(rows: shape.0, columns: shape.1)
  }
}

/// A matrix that has a shape and no numbers: enough for a dry run.
private struct PhantomMatrix: FrozenMatrix {
  var rows, columns: Int
  var byteCount: Int { rows * columns / 2 }
  var storageName: String { "phantom" }
  func multiply(_ x: Tensor, into y: inout Tensor, accumulate: Bool, plus term: LowRankTerm?) {}
  func multiplyTransposed(_ dy: Tensor, into dx: inout Tensor, accumulate: Bool, plus term: LowRankTerm?) {}
  func rows(_ ids: [Int32]) -> Tensor { Tensor(uninitialized: [ids.count, columns]) }
  func workspaceByteCount(rows n: Int) -> Int { 0 }
}
