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
  /// The numbers, or how to compute them.
  let content: KeptTensor
  /// The tape that operations on it are written to.
  public let tape: Tape
  let source: Source

  /// The numbers.
  public var value: Tensor { content.tensor }
  /// Extents of the value.
  public var shape: Shape { content.shape }

  /// A constant on a tape: nobody wants its gradient.
  public init(_ value: Tensor, on tape: Tape) {
    self.init(value, tape, .constant)
  }

  /// A parameter on a tape; backward adds to its gradient.
  public init(_ parameter: Parameter, on tape: Tape) {
    self.init(parameter.value, tape, tape.isRecording ? .parameter(parameter) : .constant)
  }

  init(_ value: Tensor, _ tape: Tape, _ source: Source) {
    self.init(KeptTensor(numbers: value), tape, source)
  }

  init(_ content: KeptTensor, _ tape: Tape, _ source: Source) {
    self.content = content
    self.tape = tape
    self.source = source
  }

  /// Whether a gradient flows back through this variable.
  public var needsGradient: Bool { source != .constant }
}
