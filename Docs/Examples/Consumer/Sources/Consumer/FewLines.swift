import QPEFT

/// The whole job: quantize, attach LoRA, train, save, generate.
func fewLines(checkpoint: String, rows: String, folder: String) async throws {
  _ = try CheckpointQuantizer(source: checkpoint, output: folder + "/model").run()

  let base = try BaseModel(folder + "/model")
  let tuned = try base.attach(LoRAConfiguration())
  let data = try base.dataset(rows)

  var options = TrainingOptions()
  options.learningRate = 3e-3
  options.batchSize = 4
  options.steps = 12
  for try await event in try tuned.train(on: data.rows, options: options, output: folder + "/adapter") {
    if case .step(let metrics) = event { print("step \(metrics.step): loss \(metrics.loss)") }
  }

  try tuned.save(to: folder + "/copy")
  for piece in try tuned.reply(to: [ChatMessage(role: "user", content: "Wake me up at seven")]) {
    print(piece, terminator: "")
  }
  print()
}
