import QPEFT

/// Trains an adapter that qpeft does not know, with a loss that it does not know, until the loss no longer falls.
func ownLoop(model: String, rows: String) throws {
  let base = try BaseModel(model)
  var gates: [OutputGate] = []
  let model = try Models.open(config: base.source.configData, weights: base.source) { site, _ in
    guard site.name.hasSuffix("o_proj") || site.name.hasSuffix("down_proj") else { return nil }
    let gate = OutputGate(at: site)
    gates.append(gate)
    return gate
  }
  var options = TrainingOptions()
  options.learningRate = 1e-2
  options.schedule = .constant
  options.batchSize = 4
  options.steps = 40
  let data = try base.dataset(rows)
  let trainer = try Trainer(
    model: model, parameters: gates.flatMap(\.parameters), rows: data.rows, options: options,
    loss: CalmLoss(strength: 1e-4))
  print("planned memory: \(try trainer.plan().resident) bytes")

  var best = Double.infinity
  var stepsWithoutGain = 0
  while trainer.completedSteps < trainer.totalSteps, stepsWithoutGain < 8 {
    let metrics = try trainer.step()
    stepsWithoutGain = metrics.loss < best ? 0 : stepsWithoutGain + 1
    best = min(best, metrics.loss)
  }
  let result = try Evaluation.run(model, data.rows.prefix(20), batchSize: 4)
  print("\(trainer.completedSteps) steps, best loss \(best), perplexity \(result.perplexity)")
}
