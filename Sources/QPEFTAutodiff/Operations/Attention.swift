public import QPEFTKernels
package import QPEFTTensor

/// Sizes and rows of a causal attention.
public struct AttentionLayout: Sendable {
  let shape: AttentionShape
  let segments: [AttentionSegment]

  /// `heads` query heads over `keyValueHeads`, each of `head` numbers; `scale` multiplies q · k (default `1/√head`).
  public init(heads: Int, keyValueHeads: Int, head: Int, scale: Float? = nil, segments: [AttentionSegment]) {
    shape = AttentionShape(
      heads: heads, keyValueHeads: keyValueHeads, head: head, scale: scale ?? 1 / Float(head).squareRoot())
    self.segments = segments
  }
}

/// Causal grouped-query attention over segments.
///
/// - Shapes: `q` [n, heads · head], `k`, `v` [n, keyValueHeads · head], result [n, heads · head].
/// - Arithmetic: float32, or with `ProductArithmetic.bfloat16` operands of all products, the probabilities too, rounded to bfloat16; softmax and
///   sums in float32 in any case.
/// - Memory: keeps q, k, v, the result, and one float a head and row; nothing grows with n².
/// - Source: Dao et al. 2022, arXiv:2205.14135 (running softmax); Ainslie et al. 2023, arXiv:2305.13245 (grouped queries).
struct CausalAttention: Operation {
  let layout: AttentionLayout

  struct Saved {
    let q, k, v, out, logsumexp: Tensor
  }

  /// Inputs: `q, k, v`.
  func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
    let (q, k, v) = (inputs[0], inputs[1], inputs[2])
    var out = Tensor(uninitialized: q.shape)
    var logsumexp = Tensor(uninitialized: [layout.shape.heads, q.shape.rows])
    layout.attend(&out, logsumexp: &logsumexp, q: q, k: k, v: v)
    return (out, Saved(q: q, k: k, v: v, out: out, logsumexp: logsumexp))
  }

  func backward(_ gradient: Tensor, _ saved: Saved, into gradients: InputGradients) {
    var dq = Tensor(uninitialized: saved.q.shape, in: .gradients)
    var dk = Tensor(uninitialized: saved.k.shape, in: .gradients)
    var dv = Tensor(uninitialized: saved.v.shape, in: .gradients)
    layout.count(isBackward: true)
    let bytes = Kernels.backwardScratchBytes(layout.shape, rows: saved.q.shape.rows)
    Tensor.withWorkspace(byteCount: bytes) { scratch in
      dq.withMutableElements { dq in
        dk.withMutableElements { dk in
          dv.withMutableElements { dv in
            withElements(gradient, saved) { dout, out, logsumexp, q, k, v in
              Kernels.attentionBackward(
                dq: dq, dk: dk, dv: dv, dout: dout, out: out, logsumexp: logsumexp, q: q, k: k, v: v,
                segments: layout.segments, shape: layout.shape, inBFloat16: ProductArithmetic.isBFloat16,
                scratch: scratch)
            }
          }
        }
      }
    }
    gradients.add(dq, to: 0)
    gradients.add(dk, to: 1)
    gradients.add(dv, to: 2)
  }

  private typealias Elements = UnsafeBufferPointer<Float>

  private func withElements(
    _ gradient: Tensor, _ saved: Saved,
    _ body: (Elements, Elements, Elements, Elements, Elements, Elements) -> Void
  ) {
    gradient.withElements { dout in
      saved.out.withElements { out in
        saved.logsumexp.withElements { logsumexp in
          saved.q.withElements { q in
            saved.k.withElements { k in saved.v.withElements { body(dout, out, logsumexp, q, k, $0) } }
          }
        }
      }
    }
  }
}

extension AttentionLayout {
  /// Attention without a tape, in float32: `q` against the keys and values of a cache.
  package func attend(q: Tensor, cachedKeys k: CachedRows, values v: CachedRows) -> Tensor {
    var out = Tensor(uninitialized: q.shape)
    let storage = k.type.storage
    count(isBackward: false, isBFloat16: false)
    Tensor.withWorkspace(byteCount: Kernels.scratchBytes(shape, cache: storage)) { scratch in
      out.withMutableElements { out in
        q.withElements { q in
          k.withBytes { k in
            v.withBytes {
              Kernels.attention(
                out, q: q, cachedKeys: k, values: $0, storage: storage, segments: segments, shape: shape,
                scratch: scratch)
            }
          }
        }
      }
    }
    return out
  }

  fileprivate func count(isBackward: Bool, isBFloat16: Bool = ProductArithmetic.isBFloat16) {
    guard let meter = WorkMeter.current else { return }
    for segment in segments {
      meter.add(
        .attention(
          heads: shape.heads, keyValueHeads: shape.keyValueHeads, head: shape.head, tokens: segment.queryCount,
          isBackward: isBackward, isBFloat16: isBFloat16))
    }
  }

  /// `logsumexp` is what backward needs.
  fileprivate func attend(_ out: inout Tensor, logsumexp: inout Tensor, q: Tensor, k: Tensor, v: Tensor) {
    count(isBackward: false)
    Tensor.withWorkspace(byteCount: Kernels.scratchBytes(shape)) { scratch in
      out.withMutableElements { out in
        logsumexp.withMutableElements { logsumexp in
          q.withElements { q in
            k.withElements { k in
              v.withElements {
                Kernels.attention(
                  out, logsumexp: logsumexp, q: q, k: k, v: $0, segments: segments, shape: shape,
                  inBFloat16: ProductArithmetic.isBFloat16, scratch: scratch)
              }
            }
          }
        }
      }
    }
  }
}

extension Variable {
  /// Causal attention of queries `self` to `keys` and `values`.
  public func attention(keys: Variable, values: Variable, _ layout: AttentionLayout) -> Variable {
    tape.apply(CausalAttention(layout: layout), [self, keys, values])
  }
}
