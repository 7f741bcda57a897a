/// Text that is not JSON as qpeft reads it. Offsets count bytes from the start of the text.
package enum JSONProblem: Error, Equatable, CustomStringConvertible {
  /// Something else stands where `expected` should.
  case syntax(offset: Int, expected: String)
  /// The text ends inside a value.
  case truncated
  /// Bytes that are not UTF-8, or a lone surrogate written as an escape.
  case notUnicode(offset: Int)
  /// Two members of one object have the same name.
  case duplicateName(String)
  /// Lists and objects nest deeper than `limit`.
  case tooDeep(limit: Int)

  /// The failure in a sentence.
  package var description: String {
    switch self {
    case .syntax(let offset, let expected): "byte \(offset): expected \(expected)"
    case .truncated: "the text ends too early"
    case .notUnicode(let offset): "byte \(offset): not Unicode text"
    case .duplicateName(let name): "the name \"\(name)\" occurs twice in one object"
    case .tooDeep(let limit): "nested deeper than \(limit) levels"
    }
  }
}
