public import QPEFTTensor

/// Where the gradient of a variable goes.
enum Source: Equatable {
  case constant
  case node(Int)
  case parameter(Parameter)

  static func == (a: Source, b: Source) -> Bool {
    switch (a, b) {
    case (.constant, .constant): true
    case (.node(let x), .node(let y)): x == y
    case (.parameter(let x), .parameter(let y)): x === y
    default: false
    }
  }
}

/// A tensor on a tape: its value, and where its gradient goes.
public struct Variable {
  /// The numbers.
  public let value: Tensor
  /// The tape that operations on it are written to.
  public let tape: Tape
  let source: Source

  /// Extents of the value.
  public var shape: Shape { value.shape }

  /// A constant on a tape: nobody wants its gradient.
  public init(_ value: Tensor, on tape: Tape) {
    self.init(value, tape, .constant)
  }

  /// A parameter on a tape; backward adds to its gradient.
  public init(_ parameter: Parameter, on tape: Tape) {
    self.init(parameter.value, tape, tape.isRecording ? .parameter(parameter) : .constant)
  }

  init(_ value: Tensor, _ tape: Tape, _ source: Source) {
    self.value = value
    self.tape = tape
    self.source = source
  }

  /// Whether a gradient flows back through this variable.
  public var needsGradient: Bool { source != .constant }
}
