public import QPEFTAutodiff
public import QPEFTLayers
public import QPEFTTensor

/// LoRA with a trained magnitude for every row of the weight: `magnitude · (W + scale · B · A) / ‖W + scale · B · A‖`.
///
/// The norm is a constant in backward. Inputs that dropout drops are dropped for the whole update, as in peft:
/// `y = x · Wᵀ + bias + (m/‖·‖ · (W + scale · B · A) − W) · dropout(x)`.
/// - Memory: as LoRA, and the rows before they are scaled. The norm is computed once a step from pieces of decoded rows.
/// - Source: Liu et al. 2024, arXiv:2402.09353; huggingface/peft, `tuners/lora/dora.py`.
public struct DoRA: LinearAdapter {
  /// The update of the direction.
  public let lora: LoRA
  /// `lora_magnitude_vector` [outputs].
  public let magnitude: Parameter
  private let norm: AdaptedNorm

  /// A fresh adapter at `site` that changes nothing: the magnitudes are the norms of the frozen rows.
  public init(_ configuration: LoRAConfiguration, at site: LinearSite, base: FrozenLinear, seed: UInt64) {
    lora = LoRA(configuration, at: site, bias: base.bias, seed: seed)
    magnitude = Parameter("\(site.prefix).lora_magnitude_vector", AdaptedNorm.rows(of: base.weight, update: nil))
    norm = AdaptedNorm()
  }

  /// Those of LoRA, and the magnitude.
  public var parameters: [Parameter] { lora.parameters + [magnitude] }

  /// The adapted layer's result.
  public func callAsFunction(_ x: Variable, base: FrozenLinear) -> Variable {
    let tape = x.tape
    let bias = lora.bias == nil ? base.bias : nil
    let isDropped = lora.dropout > 0 && tape.isTraining
    let z = x.dropout(lora.dropout, site: lora.dropoutSite)
    var y = z.multiplied(
      by: base.weight, lowRank: Variable(lora.a, on: tape), Variable(lora.b, on: tape), scale: lora.scale
    ).scaledColumns(
      by: Variable(magnitude, on: tape), over: norm(of: base.weight, update: lora), bias: isDropped ? nil : bias)
    // What was dropped still goes through the frozen weight.
    if isDropped { y = y + (x + -1 * z).multiplied(by: base.weight, bias: bias) }
    if let bias = lora.bias { y = y.adding(row: Variable(bias, on: tape)) }
    return y
  }

  /// Rows of the direction, each of the length of its magnitude.
  public func merged(_ rows: Tensor, at range: Range<Int>) -> Tensor? {
    guard var merged = lora.merged(rows, at: range) else { return nil }
    var factors = AdaptedNorm.rows(of: merged)
    factors.withMutableElements { factors in
      magnitude.value.withElements { magnitude in
        for index in factors.indices { factors[index] = magnitude[range.lowerBound + index] / factors[index] }
      }
    }
    let width = merged.shape.columns
    merged.withMutableElements { merged in
      factors.withElements { factors in
        for index in merged.indices { merged[index] *= factors[index / width] }
      }
    }
    return merged
  }

  /// The layer's bias.
  public func merged(bias: Tensor?) -> Tensor? { lora.merged(bias: bias) }
}
