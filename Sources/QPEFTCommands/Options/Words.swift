// Values of the library that a person can type.

public import ArgumentParser
public import QPEFT

extension LearningRateSchedule: ExpressibleByArgument {}
extension QuantizationScheme.Format: ExpressibleByArgument {}
extension TrainOn: ExpressibleByArgument {}
