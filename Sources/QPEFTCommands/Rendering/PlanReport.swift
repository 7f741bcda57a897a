internal import QPEFT
internal import QPEFTMeasurement

/// A plan with how long a step will take, as a table or as JSON.
enum PlanReport {
  /// A memory plan and seconds of a step, as one object.
  private struct Findings: Encodable {
    var plan: MemoryPlan
    var secondsPerStep: Double?

    private enum Key: CodingKey { case secondsPerStep }

    func encode(to encoder: any Encoder) throws {
      try plan.encode(to: encoder)
      var container = encoder.container(keyedBy: Key.self)
      try container.encodeIfPresent(secondsPerStep, forKey: .secondsPerStep)
    }
  }

  /// Plans, measures the machine for a moment, and prints what was found.
  static func show(_ trainer: Trainer, on terminal: Terminal, asJSON: Bool) throws {
    let plan = try trainer.plan()
    let findings = Findings(plan: plan, secondsPerStep: StepTime.seconds(trainer.work()))
    if asJSON { return terminal.line(try Format.json(findings)) }
    show(plan, on: terminal)
    let steps = Format.count(trainer.totalSteps, "step")
    guard let seconds = findings.secondsPerStep else { return }
    terminal.line(
      "speed: about \(Format.duration(seconds)) a step of this batch, \(steps), as this machine computes now"
    )
  }

  /// Prints a plan.
  private static func show(_ plan: MemoryPlan, on terminal: Terminal) {
    terminal.line(
      "longest batch: \(Format.count(plan.tokens, "token")), \(Format.count(plan.trainedTokens)) of them trained")
    terminal.line("layout: \(words(plan.layout))")
    var table = Table(["room", "at most"], right: [1])
    table.add(["mapped weights", Format.bytes(plan.residentWeights)])
    table.add(["adapters", Format.bytes(plan.adapters)])
    table.add(["gradients", Format.bytes(plan.gradients)])
    table.add(["optimizer state", Format.bytes(plan.optimizer)])
    table.add(["saved activations", Format.bytes(plan.activations)])
    table.add(["recompute peak", Format.bytes(plan.recomputation)])
    table.add(["workspaces", Format.bytes(plan.workspace)])
    table.add(["all tensors, at one moment", Format.bytes(plan.tensors)])
    table.add(["data", Format.bytes(plan.data)])
    table.add(["process", Format.bytes(plan.process)])
    table.add(["resident peak", Format.bytes(plan.resident)])
    table.lines.forEach { terminal.line($0) }
    if plan.residentWeights < plan.weights {
      terminal.line("weights on disk: \(Format.bytes(plan.weights))")
    }
    if plan.activationFile > 0 { terminal.line("activations on disk: \(Format.bytes(plan.activationFile))") }
    if plan.activationCache > 0 {
      terminal.line("cache of activations on disk: \(Format.bytes(plan.activationCache))")
    }
    if let budget = plan.budget { terminal.line("budget: \(Format.bytes(budget))") }
  }

  /// A layout in words.
  static func words(_ layout: StepLayout) -> String {
    let plan = layout.recompute
    var words = self.words(plan.lower)
    if plan.upperCount > 0, plan.upper != plan.lower {
      words += " (the last \(Format.count(plan.upperCount, "block")): \(self.words(plan.upper)))"
    }
    return words + ", \(Format.count(layout.rows, "row")) at a time"
  }

  private static func words(_ policy: RecomputePolicy) -> String {
    switch policy {
    case .keepAll: "blocks keep everything"
    case .keepProducts: "blocks keep products"
    case .blockInput: "blocks keep their input"
    case .blockInputBF16: "blocks keep their input in bf16"
    case .blockInputOnDisk: "blocks keep their input on disk"
    }
  }
}
