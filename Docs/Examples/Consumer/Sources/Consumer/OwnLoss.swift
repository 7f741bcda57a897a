import QPEFT

/// Cross-entropy plus a penalty on large final rows: a loss made of the tape's operations and one of its own.
struct CalmLoss: TrainingLoss {
  /// Weight of the penalty.
  var strength: Float

  func callAsFunction(_ model: any LanguageModel, _ batch: TokenBatch, _ context: LossContext) -> Variable {
    let hidden = model.hidden(batch, on: context.tape, recompute: context.recompute, cache: nil)
    let loss = hidden.headCrossEntropy(model.head, labels: batch.labels, normalizer: context.normalizer)
    let penalty = context.tape.apply(SumOfSquares(), [hidden])
    return loss + strength / Float(context.normalizer) * penalty
  }
}

/// The sum of all squares, as a tensor of one number.
struct SumOfSquares: Operation {
  func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Tensor) {
    // Numbers are touched only inside `withMutableElements`, so a dry run can count memory with this very code.
    var sum = Tensor(uninitialized: [1])
    sum.withMutableElements { $0[0] = Float(inputs[0].sumOfSquares()) }
    return (sum, inputs[0])
  }

  func backward(_ gradient: Tensor, _ saved: Tensor, into gradients: InputGradients) {
    gradients.write(0, saved.shape) { dx, accumulate in
      dx.withMutableElements { dx in
        let factor = 2 * gradient.scalar
        saved.withElements { x in
          for index in dx.indices { dx[index] = (accumulate ? dx[index] : 0) + factor * x[index] }
        }
      }
    }
  }
}
