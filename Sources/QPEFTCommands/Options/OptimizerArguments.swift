internal import ArgumentParser
internal import QPEFT

/// Which optimizer, and its settings.
struct OptimizerArguments: ParsableArguments {
  @Option(help: "adamw, adamw-8bit (moments in 8 bits), lion, sgd (with momentum) or adafactor.")
  var optimizer = OptimizerOptions.Kind.adamW

  @Option(parsing: .unconditional, help: "Decay rate of the first moment of AdamW and Lion. (default: 0.9)")
  var beta1: Double?

  @Option(
    parsing: .unconditional, help: "Decay rate of the second moment of AdamW, or of Lion's. (default: 0.999, or 0.99)")
  var beta2: Double?

  @Option(
    parsing: .unconditional,
    help: "Added to the root of AdamW's second moment, or to squares in Adafactor. (default: 1e-8, or 1e-30)")
  var epsilon: Double?

  @Option(parsing: .unconditional, help: "Momentum of SGD. (default: 0.9)")
  var momentum: Double?

  @Flag(help: "Nesterov's momentum in SGD.")
  var nesterov = false

  var options: OptimizerOptions {
    var options = OptimizerOptions(optimizer)
    (options.beta1, options.beta2, options.epsilon) = (beta1, beta2, epsilon)
    (options.momentum, options.usesNesterov) = (momentum, nesterov)
    return options
  }
}
