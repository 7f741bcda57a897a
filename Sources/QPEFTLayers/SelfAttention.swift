public import QPEFTAutodiff
internal import QPEFTTensor

/// Causal grouped-query self-attention with rotary positions.
public struct SelfAttention {
  /// The four projections.
  public let query, key, value, output: AdaptedLinear
  let layer, heads, keyValueHeads, head: Int

  /// Projections of `heads` query heads over `keyValueHeads`, each of `head` numbers, in block number `layer`.
  public init(
    query: AdaptedLinear, key: AdaptedLinear, value: AdaptedLinear, output: AdaptedLinear, layer: Int, heads: Int,
    keyValueHeads: Int, head: Int
  ) {
    self.query = query
    self.key = key
    self.value = value
    self.output = output
    self.layer = layer
    self.heads = heads
    self.keyValueHeads = keyValueHeads
    self.head = head
  }

  /// `x` [n, d] to [n, d].
  public func callAsFunction(_ x: Variable, _ pass: ForwardPass) -> Variable {
    let q = query(x).rotated(by: pass.rotation, head: head)
    let k = key(x).rotated(by: pass.rotation, head: head)
    let v = value(x)
    let layout = AttentionLayout(
      heads: heads, keyValueHeads: keyValueHeads, head: head, segments: pass.segments)
    guard let cache = pass.cache else { return output(q.attention(keys: k, values: v, layout)) }
    let (keys, values) = cache.append(layer: layer, keys: k.value, values: v.value)
    return output(Variable(layout.attend(q: q.value, cachedKeys: keys, values: values), on: x.tape))
  }
}
