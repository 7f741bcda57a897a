/// Which optimizer a run has, and its settings; the one place for their defaults.
public struct OptimizerOptions: Hashable, Sendable, Codable {
  /// The optimizers by the names that a person types.
  public enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
    /// `AdamW`, `AdamW8Bit`, `Lion`, `SGD`, `Adafactor`.
    case adamW = "adamw"
    case adamW8Bit = "adamw-8bit"
    case lion, sgd, adafactor
  }

  /// Which one.
  public var kind = Kind.adamW
  /// Decay rate of the first moment of AdamW and Lion; nil: 0.9.
  public var beta1: Double?
  /// Decay rate of AdamW's second moment (nil: 0.999), or of Lion's moment (nil: 0.99).
  public var beta2: Double?
  /// AdamW: added to the root of the second moment (nil: 1e-8). Adafactor: added to squares (nil: 1e-30).
  public var epsilon: Double?
  /// SGD: decay rate of the moment; nil: 0.9.
  public var momentum: Double?
  /// SGD: Nesterov's momentum.
  public var usesNesterov = false

  /// AdamW with its defaults.
  public init(_ kind: Kind = .adamW) { self.kind = kind }

  /// Throws `TrainingError.option` for a setting that makes no sense or that the optimizer does not have.
  public func validate() throws(TrainingError) {
    func check(_ value: Double?, _ name: String, _ kinds: Set<Kind>, _ range: Range<Double>) throws(TrainingError) {
      guard let value else { return }
      guard kinds.contains(kind) else { throw .option(name: name, problem: "\(kind.rawValue) has no such setting") }
      guard range.contains(value) else {
        throw .option(name: name, problem: "\(value) is not in \(range.lowerBound) ..< \(range.upperBound)")
      }
    }
    try check(beta1, "beta1", [.adamW, .adamW8Bit, .lion], 0..<1)
    try check(beta2, "beta2", [.adamW, .adamW8Bit, .lion], 0..<1)
    try check(epsilon, "epsilon", [.adamW, .adamW8Bit, .adafactor], 0..<1)
    try check(momentum, "momentum", [.sgd], 0..<1)
    if usesNesterov {
      guard kind == .sgd else { throw .option(name: "nesterov", problem: "\(kind.rawValue) has no such setting") }
      guard momentum != 0 else { throw .option(name: "nesterov", problem: "it needs momentum") }
    }
  }

  /// The optimizer.
  public func make(weightDecay: Double) -> any Optimizer {
    switch kind {
    case .adamW:
      var optimizer = AdamW(weightDecay: weightDecay)
      (optimizer.beta1, optimizer.beta2) = (beta1 ?? optimizer.beta1, beta2 ?? optimizer.beta2)
      optimizer.eps = epsilon ?? optimizer.eps
      return optimizer
    case .adamW8Bit:
      var optimizer = AdamW8Bit(weightDecay: weightDecay)
      (optimizer.beta1, optimizer.beta2) = (beta1 ?? optimizer.beta1, beta2 ?? optimizer.beta2)
      optimizer.eps = epsilon ?? optimizer.eps
      return optimizer
    case .lion:
      var optimizer = Lion(weightDecay: weightDecay)
      (optimizer.beta1, optimizer.beta2) = (beta1 ?? optimizer.beta1, beta2 ?? optimizer.beta2)
      return optimizer
    case .sgd:
      var optimizer = SGD(weightDecay: weightDecay)
      optimizer.momentum = momentum ?? optimizer.momentum
      optimizer.usesNesterov = usesNesterov
      return optimizer
    case .adafactor:
      var optimizer = Adafactor(weightDecay: weightDecay)
      optimizer.eps = epsilon ?? optimizer.eps
      return optimizer
    }
  }
}
