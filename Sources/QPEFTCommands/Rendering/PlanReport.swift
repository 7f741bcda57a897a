internal import QPEFT

/// A memory plan as a table, or as JSON.
enum PlanReport {
  /// Prints a plan.
  static func show(_ plan: MemoryPlan, on terminal: Terminal, asJSON: Bool) throws {
    if asJSON { return terminal.line(try Format.json(plan)) }
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
