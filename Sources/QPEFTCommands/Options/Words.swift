// Values of the library that a person can type.

public import ArgumentParser
public import QPEFT

extension ActivationCache.Storage: ExpressibleByArgument {}
extension LoRAConfiguration.Bias: ExpressibleByArgument {}
extension LoRAConfiguration.Initialization: ExpressibleByArgument {}
extension OptimizerOptions.Kind: ExpressibleByArgument {}
extension ElementType: ExpressibleByArgument {
  /// The type that its name in lower case says: `f32`, `f16`, `bf16`.
  public init?(argument: String) { self.init(rawValue: argument.uppercased()) }
  /// All names.
  public static var allValueStrings: [String] { allCases.map { $0.rawValue.lowercased() } }
}
extension GGUFStorage: ExpressibleByArgument {}
extension ComputeType: ExpressibleByArgument {}
extension LearningRateSchedule: ExpressibleByArgument {}
extension QuantizationScheme.Format: ExpressibleByArgument {}
extension TrainOn: ExpressibleByArgument {}
