import QPEFT

/// An adapter that qpeft does not have: every output of a layer is multiplied by `1 + g`, and `g` is trained.
struct OutputGate: LinearAdapter {
  let gate: Parameter

  init(at site: LinearSite) {
    gate = Parameter("base_model.model.\(site.name).gate", .zeros([1, site.rows], in: .adapters))
  }

  var parameters: [Parameter] { [gate] }

  func callAsFunction(_ x: Variable, base: FrozenLinear) -> Variable {
    let y = base(x)
    return x.tape.apply(RowGate(), [y, Variable(gate, on: x.tape)])
  }

  /// Every row of the weight is multiplied as its output is.
  func merged(_ rows: Tensor, at range: Range<Int>) -> Tensor? {
    var rows = rows
    let width = rows.shape.columns
    rows.withMutableElements { rows in
      gate.value.withElements { gate in
        for index in rows.indices { rows[index] *= 1 + gate[range.lowerBound + index / width] }
      }
    }
    return rows
  }
}

/// `y · (1 + g)`, column by column: `y` [n, d], `g` [1, d].
struct RowGate: Operation {
  func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: [Tensor]) {
    var result = Tensor(uninitialized: inputs[0].shape)
    result.withMutableElements { result in
      inputs[0].withElements { y in
        inputs[1].withElements { g in
          for index in result.indices { result[index] = y[index] * (1 + g[index % g.count]) }
        }
      }
    }
    return (result, inputs)
  }

  func backward(_ gradient: Tensor, _ saved: [Tensor], into gradients: InputGradients) {
    let (y, g) = (saved[0], saved[1])
    gradients.write(0, y.shape) { dy, accumulate in
      dy.withMutableElements { dy in
        gradient.withElements { gradient in
          g.withElements { g in
            for index in dy.indices {
              dy[index] = (accumulate ? dy[index] : 0) + gradient[index] * (1 + g[index % g.count])
            }
          }
        }
      }
    }
    gradients.write(1, g.shape) { dg, accumulate in
      dg.withMutableElements { dg in
        if !accumulate { dg.update(repeating: 0) }
        gradient.withElements { gradient in
          y.withElements { y in
            for index in y.indices { dg[index % dg.count] += gradient[index] * y[index] }
          }
        }
      }
    }
  }
}
