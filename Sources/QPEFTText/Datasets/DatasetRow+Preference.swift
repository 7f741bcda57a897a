internal import QPEFTJSON

extension DatasetRow {
  /// The chosen side of a preference pair: `chosen` and `rejected` as texts behind `prompt`, or as messages. Without a
  /// prompt, what both begin with is the prompt.
  static func chosen(
    of object: JSONObject, _ context: ChatContext, file: String, line: Int
  ) throws(DatasetError) -> Self {
    func field(_ name: String) throws(DatasetError) -> JSONValue {
      guard let value = object[name], !value.isNull else { throw .missingField(file: file, line: line, field: name) }
      return value
    }
    let (chosen, rejected) = (try field("chosen"), try field("rejected"))
    if chosen == rejected { throw .sameAnswers(file: file, line: line) }
    let prompt = object["prompt"].flatMap { $0.isNull ? nil : $0 }
    if let chosen = chosen.string {
      guard let rejected = rejected.string else {
        throw .wrongType(file: file, line: line, field: "rejected", expected: "a string", found: rejected.kind)
      }
      if chosen.isEmpty { throw .emptyField(file: file, line: line, field: "chosen") }
      guard let prompt else { return split(chosen, rejected) }
      guard let text = prompt.string else {
        throw .wrongType(file: file, line: line, field: "prompt", expected: "a string", found: prompt.kind)
      }
      return .completion(prompt: text, completion: chosen)
    }
    let answers = try messages(chosen, "chosen", file, line)
    let others = try messages(rejected, "rejected", file, line)
    if let prompt {
      let question: [JSONValue]
      if let text = prompt.string {
        question = [message("user", text)]
      } else {
        question = try messages(prompt, "prompt", file, line)
      }
      // Some datasets repeat the prompt in front of both answers.
      if answers.count > question.count, Array(answers.prefix(question.count)) == question {
        return .messages(answers, given: question.count, context)
      }
      return .messages(question + answers, given: question.count, context)
    }
    let shared = zip(answers, others).prefix { $0 == $1 }.count
    return .messages(answers, given: min(shared, answers.count - 1), context)
  }

  /// What both texts begin with, up to the end of a word, is the prompt.
  private static func split(_ chosen: String, _ rejected: String) -> Self {
    var end = 0
    for (index, (a, b)) in zip(chosen.utf8, rejected.utf8).enumerated() {
      if a != b { break }
      if a == 0x20 || a == 0x0A { end = index + 1 }
    }
    let cut = chosen.utf8.index(chosen.utf8.startIndex, offsetBy: end)
    return .completion(prompt: String(chosen[..<cut]), completion: String(chosen[cut...]))
  }
}
