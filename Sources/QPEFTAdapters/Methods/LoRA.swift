public import QPEFTAutodiff
internal import QPEFTKernels
public import QPEFTLayers
public import QPEFTTensor

/// Settings of LoRA; the names in files are peft's.
public struct LoRAConfiguration: Hashable, Sendable {
  /// `r`: rows of A, columns of B.
  public var rank = 16
  /// `lora_alpha`: the update is scaled by alpha / rank.
  public var alpha: Float = 32
  /// `lora_dropout`: probability by which inputs of A are dropped in training.
  public var dropout: Float = 0
  /// `target_modules`.
  public var targets = TargetModules.allLinear
  /// `use_rslora`: scale by alpha / √rank instead (Kalajdzievski 2023, arXiv:2312.03732).
  public var usesRSLoRA = false

  /// The defaults: rank 16, alpha 32, no dropout, all linear layers.
  public init() {}

  /// What the update is multiplied by.
  public var scale: Float { usesRSLoRA ? alpha / Float(rank).squareRoot() : alpha / Float(rank) }

  /// Throws where a setting makes no sense.
  public func validate() throws(AdapterError) {
    guard (1...65_536).contains(rank) else { throw .setting(name: "r", problem: "\(rank) is not a positive rank") }
    guard alpha.isFinite, alpha > 0 else { throw .setting(name: "lora_alpha", problem: "\(alpha) is not positive") }
    guard dropout >= 0, dropout < 1 else {
      throw .setting(name: "lora_dropout", problem: "\(dropout) is not in 0 ..< 1")
    }
  }
}

/// Low-rank update `y + scale · (x · Aᵀ) · Bᵀ` of a frozen linear layer.
///
/// - Shapes: `x` [n, inputs], `y` [n, outputs], `A` [rank, inputs], `B` [outputs, rank].
/// - Memory: keeps `x` (shared) and n · rank floats until backward; with dropout a second `x`.
/// - Source: Hu et al. 2021, arXiv:2106.09685; first values and scaling as in huggingface/peft.
public struct LoRA: LinearAdapter {
  /// The two factors.
  public let a, b: Parameter
  let scale: Float
  let dropout: Float
  let dropoutSite: UInt32

  /// A fresh update at `site`: A uniform in ±1/√inputs (Kaiming with a = √5), the same for the same seed and site; B zero.
  public init(_ configuration: LoRAConfiguration, at site: LinearSite, seed: UInt64) {
    let stream = RandomKey(seed: seed, step: .max, site: site.number)
    let bound = 1 / Float(site.columns).squareRoot()
    let prefix = "base_model.model.\(site.name)"
    a = Parameter(
      "\(prefix).lora_A.weight",
      .uniform([configuration.rank, site.columns], low: -bound, high: bound, key: stream, in: .adapters))
    b = Parameter("\(prefix).lora_B.weight", .zeros([site.rows, configuration.rank], in: .adapters))
    scale = configuration.scale
    dropout = configuration.dropout
    dropoutSite = site.number
  }

  /// `A` and `B`.
  public var parameters: [Parameter] { [a, b] }

  /// The adapted layer's result.
  public func callAsFunction(_ x: Variable, base: FrozenLinear) -> Variable {
    return x.multiplied(
      by: base.weight, bias: base.bias, lowRank: Variable(a, on: x.tape), Variable(b, on: x.tape), scale: scale,
      droppedOut: x.dropout(dropout, site: dropoutSite))
  }

  /// `W + scale · B · A`, row by row.
  public func merged(_ rows: Tensor, at range: Range<Int>) -> Tensor? {
    var merged = rows
    merged.addProduct(b.value.rows(range), a.value, scale: scale)
    return merged
  }
}

extension LinearSite {
  /// A number for random streams that depends on the name alone (FNV-1a).
  var number: UInt32 { name.utf8.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 } }
}
