public import QPEFTTensor

/// A trained tensor with its gradient. It has identity: layers share it, the optimizer changes it.
///
/// `@unchecked Sendable`: one task at a time trains a model; the others see it between steps.
public final class Parameter: @unchecked Sendable {
  /// Unique name, equal to its key in the adapter file.
  public let name: String
  /// The number now.
  public var value: Tensor
  /// Sum of the gradients since it was last cleared; nil before the first.
  public var gradient: Tensor?

  /// A parameter of that name and first value.
  public init(_ name: String, _ value: Tensor) {
    self.name = name
    self.value = value
  }
}
