// Values of the library that a person can type.

public import ArgumentParser
public import QPEFT

extension LoRAConfiguration.Bias: ExpressibleByArgument {}
extension LoRAConfiguration.Initialization: ExpressibleByArgument {}
extension OptimizerOptions.Kind: ExpressibleByArgument {}
extension LearningRateSchedule: ExpressibleByArgument {}
extension QuantizationScheme.Format: ExpressibleByArgument {}
extension TrainOn: ExpressibleByArgument {}
