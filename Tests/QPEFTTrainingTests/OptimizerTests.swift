import QPEFT
import Testing

/// Fifty steps of the libraries that define the optimizers; see Tests/Fixtures/optimizers/PROVENANCE.md.
@Suite("Optimizers") struct OptimizerTests {
  struct Settings: Decodable {
    var steps: Int
    var peak_learning_rates: [String: Double]
  }

  /// The three parameters of the script, and its gradients.
  struct Problem {
    static let shapes: [(String, Shape)] = [("large", [33, 125]), ("small", [7, 19]), ("vector", [37])]
    let parameters = shapes.map { Parameter($0, InitialAdapterFormula.tensor($0, $1, bound: 0.5)) }

    func setGradients(step: Int) {
      for parameter in parameters {
        let noise = InitialAdapterFormula.tensor("\(parameter.name) \(step)", parameter.value.shape, bound: 0.2)
        parameter.gradient = noise + (0.25 * parameter.value)
      }
    }

    func run(_ optimizer: inout any Optimizer, _ steps: Range<Int>, of all: Int, peak: Double) {
      for step in steps {
        setGradients(step: step)
        let rate = peak * (1 - Double(step) / Double(all))
        optimizer.update(parameters, learningRate: rate, gradientScale: 0.5)
      }
    }
  }

  static let names = ["adamw", "adamw-8bit", "lion", "sgd", "sgd-nesterov", "adafactor"]

  static func make(_ name: String, weightDecay: Double = 0.01) throws -> any Optimizer {
    let kind = try #require(OptimizerOptions.Kind(rawValue: name == "sgd-nesterov" ? "sgd" : name))
    var options = OptimizerOptions(kind)
    switch kind {
    case .adamW, .adamW8Bit: (options.beta1, options.beta2, options.epsilon) = (0.9, 0.99, 1e-7)
    case .lion: (options.beta1, options.beta2) = (0.9, 0.99)
    case .sgd: options.usesNesterov = name == "sgd-nesterov"
    case .adafactor: break
    }
    if options.usesNesterov { options.momentum = 0.8 }
    try options.validate()
    return options.make(weightDecay: weightDecay)
  }

  @Test(arguments: names) func `take the fifty steps of their libraries`(name: String) throws {
    let settings = try Fixture.json(Settings.self, "optimizers/golden.json")
    let golden = try Fixture.tensors(Fixture.path("optimizers/golden.safetensors"))
    let peak = try #require(settings.peak_learning_rates[name])
    let problem = Problem()
    var optimizer = try Self.make(name)
    optimizer.prepare(for: problem.parameters)
    problem.run(&optimizer, 0..<settings.steps, of: settings.steps, peak: peak)
    for (parameter, (_, shape)) in zip(problem.parameters, Problem.shapes) {
      let expected = try #require(golden["\(name).\(parameter.name)"])
      let start = InitialAdapterFormula.tensor(parameter.name, shape, bound: 0.5)
      let way = (expected + (-1 * start)).sumOfSquares().squareRoot()
      let error = (parameter.value + (-1 * expected)).sumOfSquares().squareRoot()
      // A code of 8 bits may fall to the neighbour where rounding differs; Lion's sign may flip where its sum is all but zero.
      let bound = name == "adamw-8bit" && parameter.name == "large" ? 2e-3 : 2e-5
      #expect(way > 0.01 && error < bound * way, "\(name) \(parameter.name): \(error) on a way of \(way)")
    }
  }

  @Test(arguments: names) func `go on exactly from a saved state`(name: String) throws {
    let (straight, interrupted) = (Problem(), Problem())
    var optimizers = [try Self.make(name), try Self.make(name), try Self.make(name)]
    optimizers[0].prepare(for: straight.parameters)
    straight.run(&optimizers[0], 0..<9, of: 9, peak: 1e-3)
    optimizers[1].prepare(for: interrupted.parameters)
    interrupted.run(&optimizers[1], 0..<4, of: 9, peak: 1e-3)
    let state = optimizers[1].state
    interrupted.run(&optimizers[1], 4..<6, of: 9, peak: 0)  // steps that are lost; the learning rate is zero

    optimizers[2].prepare(for: interrupted.parameters)
    try optimizers[2].restore(state)
    interrupted.run(&optimizers[2], 4..<9, of: 9, peak: 1e-3)
    for (a, b) in zip(straight.parameters, interrupted.parameters) { #expect(a.value == b.value, "\(a.name)") }

    var tensors = state.tensors
    let lost = try #require(tensors.keys.min())
    tensors[lost] = nil
    #expect(throws: TrainingError.optimizerState("it lacks \(lost)")) {
      try optimizers[2].restore(OptimizerState(step: 4, tensors: tensors))
    }
    tensors[lost] = .zeros([3, 5])
    #expect(throws: TrainingError.self) { try optimizers[2].restore(OptimizerState(step: 4, tensors: tensors)) }
  }

  @Test(arguments: zip(names, [8, 2.05, 4, 4, 4, 0.2]))
  func `take the memory that they say`(name: String, bytesPerNumber: Double) throws {
    let ledger = MemoryLedger()
    let parameters = [Parameter("w", .zeros([512, 256])), Parameter("b", .zeros([64]))]
    var optimizer = try Self.make(name)
    MemoryLedger.$current.withValue(ledger) { optimizer.prepare(for: parameters) }
    let bytes = Double(ledger[.optimizer].current)
    #expect(bytes > 0 && bytes <= bytesPerNumber * Double(512 * 256) + 8 * 64, "\(bytes)")
  }

  @Test func `move a parameter at a multiple of the learning rate where it asks for that`() throws {
    for name in Self.names {
      func value(ratio: Double, rate: Double) throws -> Tensor {
        let problem = Problem()
        for parameter in problem.parameters { parameter.learningRateRatio = ratio }
        var optimizer = try Self.make(name)
        optimizer.prepare(for: problem.parameters)
        problem.run(&optimizer, 0..<1, of: 1, peak: rate)
        return problem.parameters[0].value
      }
      #expect(try value(ratio: 4, rate: 0.25) == value(ratio: 1, rate: 1), "\(name)")
    }
  }

  @Test func `let a parameter decay by its share`() throws {
    for name in Self.names {
      func value(ratio: Double, decay: Double) throws -> Tensor {
        let problem = Problem()
        for parameter in problem.parameters { parameter.weightDecayRatio = ratio }
        var optimizer = try Self.make(name, weightDecay: decay)
        optimizer.prepare(for: problem.parameters)
        problem.run(&optimizer, 0..<1, of: 1, peak: 0.5)
        return problem.parameters[0].value
      }
      #expect(try value(ratio: 0, decay: 0.5) == value(ratio: 1, decay: 0), "\(name)")
      #expect(try value(ratio: 1, decay: 0.5) != value(ratio: 1, decay: 0), "\(name)")
    }
  }

  @Test func `refuse settings that they do not have`() {
    func error(_ kind: OptimizerOptions.Kind, _ change: (inout OptimizerOptions) -> Void) -> TrainingError? {
      var options = OptimizerOptions(kind)
      change(&options)
      do throws(TrainingError) { try options.validate() } catch { return error }
      return nil
    }
    #expect(error(.sgd) { $0.beta1 = 0.9 } == .option(name: "beta1", problem: "sgd has no such setting"))
    #expect(error(.adamW) { $0.momentum = 0.9 } == .option(name: "momentum", problem: "adamw has no such setting"))
    #expect(error(.lion) { $0.usesNesterov = true } != nil)
    #expect(error(.sgd) { ($0.usesNesterov, $0.momentum) = (true, 0) } != nil)
    #expect(error(.adamW) { $0.beta2 = 1 } != nil)
    #expect(error(.adafactor) { $0.epsilon = 1e-20 } == nil)
  }
}
