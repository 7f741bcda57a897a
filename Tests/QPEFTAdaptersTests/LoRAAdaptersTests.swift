import QPEFTAdapters
import QPEFTAutodiff
import QPEFTKernels
import QPEFTLayers
import QPEFTTensor
import Testing

@Suite("LoRA adapters", .serialized)
struct LoRAAdaptersTests {
  let site = LinearSite(name: "model.layers.0.self_attn.q_proj", rows: 6, columns: 4)
  let base = FrozenLinear(weight: DenseMatrix(.uniform([6, 4], key: .init(seed: 1))))

  func configuration(_ change: (inout LoRAConfiguration) -> Void = { _ in }) -> LoRAConfiguration {
    var configuration = LoRAConfiguration()
    configuration.rank = 2
    change(&configuration)
    return configuration
  }

  @Test(arguments: [
    (TargetModules.allLinear, true), (.names(["q_proj"]), true), (.names(["k_proj", "proj"]), false),
    (.names(["self_attn.q_proj"]), true), (.pattern(#".*\.(q|v)_proj"#), true), (.pattern("q_proj"), false),
  ])
  func `sit where the targets say`(targets: TargetModules, expected: Bool) throws {
    #expect(try targets.matches(site) == expected)
  }

  @Test func `targets are read as a person types them`() {
    #expect(TargetModules("all-linear") == .allLinear)
    #expect(TargetModules("q_proj,v_proj") == .names(["q_proj", "v_proj"]))
    #expect(TargetModules(#".*\.q_proj"#) == .pattern(#".*\.q_proj"#))
  }

  @Test func `start as peft's do: A within one over the root of the inputs, B zero, named by peft's keys`() throws {
    let adapters = try LoRAAdapters(configuration(), seed: 5)
    _ = try adapters.choice(site, base)
    let tensors = adapters.tensors
    let a = try #require(tensors["base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"])
    let b = try #require(tensors["base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"])
    #expect(a.shape == [2, 4] && b.shape == [6, 2])
    #expect(a.elements.allSatisfy { abs($0) <= 0.5 } && a.elements.contains { abs($0) > 0.05 })
    #expect(b.elements.allSatisfy { $0 == 0 })
    let again = try LoRAAdapters(configuration(), seed: 5)
    _ = try again.choice(site, base)
    #expect(again.tensors == tensors)
  }

  @Test func `add scale times x A B to the frozen layer, dropout in training alone`() throws {
    let adapter = LoRA(configuration { $0.dropout = 0.5 }, at: site, seed: 1)
    adapter.b.value = .uniform([6, 2], key: .init(seed: 9))
    let x = Tensor.uniform([3, 4], key: .init(seed: 2))
    var expected = base.weight.multiply(x)
    expected.addProduct(16 * x.timesTransposed(adapter.a.value), adapter.b.value, transposeB: true)
    let inference = adapter(Variable(x, on: Tape(isRecording: false)), base: base).value
    for (found, wanted) in zip(inference.elements, expected.elements) { #expect(abs(found - wanted) < 1e-4) }
    #expect(adapter(Variable(x, on: Tape(seed: 4)), base: base).value != inference)
  }

  @Test func `are a weight of their own: the frozen rows and the update, in any pieces`() throws {
    let adapter = LoRA(configuration(), at: site, seed: 1)
    adapter.b.value = .uniform([6, 2], key: .init(seed: 9))
    let rows = base.weight.rows([0, 1, 2, 3, 4, 5])
    var pieces: [Float] = []
    for range in [0..<1, 1..<4, 4..<6] {
      pieces += try #require(adapter.merged(rows.rows(range), at: range)).elements
    }
    let x = Tensor.uniform([3, 4], key: .init(seed: 2))
    let merged = x.timesTransposed(Tensor([6, 4], pieces))
    let adapted = adapter(Variable(x, on: Tape(isRecording: false)), base: base).value
    for (found, wanted) in zip(merged.elements, adapted.elements) { #expect(abs(found - wanted) < 1e-4) }
    let bias = adapter.merged(bias: Tensor?.none)
    #expect(bias == nil)
  }

  @Test func `scale by the root of the rank with rsLoRA`() {
    #expect(configuration { $0.rank = 16 }.scale == 2)
    #expect(
      configuration {
        $0.rank = 16; $0.usesRSLoRA = true
      }.scale == 8)
  }

  @Test func `refuse settings, tensors and targets that make no sense`() throws {
    #expect(throws: AdapterError.self) { try LoRAAdapters(configuration { $0.rank = 0 }) }
    #expect(throws: AdapterError.self) { try LoRAAdapters(configuration { $0.dropout = 1 }) }
    #expect(throws: AdapterError.self) { try TargetModules.pattern("(").matches(site) }
    let adapters = try LoRAAdapters(configuration { $0.targets = .names(["o_proj"]) })
    _ = try adapters.choice(site, base)
    #expect(throws: AdapterError.self) { try adapters.checkTargets() }
    let attached = try LoRAAdapters(configuration())
    _ = try attached.choice(site, base)
    var tensors = attached.tensors
    tensors["extra"] = .zeros([1])
    #expect(throws: AdapterError.unknownTensor("extra")) { try attached.load(tensors) }
    tensors["extra"] = nil
    tensors["base_model.model.\(site.name).lora_A.weight"] = .zeros([1, 4])
    #expect(throws: AdapterError.self) { try attached.load(tensors) }
    tensors["base_model.model.\(site.name).lora_A.weight"] = nil
    #expect(throws: AdapterError.self) { try attached.load(tensors) }
  }
}
