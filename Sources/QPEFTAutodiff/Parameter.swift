public import QPEFTTensor

/// A trained tensor with its gradient. It has identity: layers share it, the optimizer changes it.
///
/// `@unchecked Sendable`: one task at a time trains a model; the others see it between steps.
public final class Parameter: @unchecked Sendable {
  /// Unique name, equal to its key in the adapter file.
  public let name: String
  /// The numbers now.
  public var value: Tensor {
    get { stored }
    // In place: an observer would copy the numbers first.
    _modify {
      defer { version &+= 1 }
      yield &stored
    }
  }
  private var stored: Tensor
  /// Grows with every change of `value`: what was computed from it is old where this differs.
  public private(set) var version = 0
  /// The optimizer's learning rate times this is the rate of this parameter.
  public var learningRateRatio = 1.0
  /// The optimizer's weight decay times this is that of this parameter.
  public var weightDecayRatio = 1.0
  /// Sum of the gradients since it was last cleared; nil before the first.
  public var gradient: Tensor?

  /// A parameter of that name and first value.
  public init(_ name: String, _ value: Tensor) {
    self.name = name
    stored = value
  }
}
