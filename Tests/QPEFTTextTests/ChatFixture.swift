import Foundation
import QPEFTText

/// A model directory with a small tokenizer and a chat template, made for one test.
enum ChatFixture {
  static let chatML = """
    {% for m in messages %}{{ '<|a|>' + m['role'] + '\n' + m['content'] + '<|c|>' + '\n' }}{% endfor %}\
    {% if add_generation_prompt %}{{ '<|a|>assistant\n' }}{% endif %}
    """

  static func chat(
    _ template: String? = chatML, tokenizer: String = "smollm", end: String = "<|c|>"
  ) throws -> ChatTokenizer {
    try Fixtures.withTemporaryDirectory { directory in
      try write(to: directory, template, tokenizer: tokenizer, end: end)
      return try ChatTokenizer.load(directory: directory)
    }
  }

  static func write(
    to directory: String, _ template: String? = chatML, tokenizer: String = "smollm", end: String = "<|c|>"
  ) throws {
    let json = String(decoding: try Fixtures.bytes("tokenizers/\(tokenizer).json"), as: UTF8.self)
      .replacingOccurrences(of: "\"rstrip\":true", with: "\"rstrip\":false")
    try Fixtures.write(json, to: "\(directory)/tokenizer.json")
    try Fixtures.write("{\"eos_token\": {\"content\": \"\(end)\"}}", to: "\(directory)/tokenizer_config.json")
    if let template { try Fixtures.write(template, to: "\(directory)/chat_template.jinja") }
  }

  /// Reads rows, one per line, from a file that is gone afterwards.
  static func dataset(
    _ text: String, _ chat: ChatTokenizer, _ options: DatasetOptions = DatasetOptions()
  ) throws -> TokenizedDataset {
    try Fixtures.withTemporaryDirectory { directory in
      let path = "\(directory)/rows.jsonl"
      try Fixtures.write(text, to: path)
      return try TokenizedDataset(contentsOf: path, chat, options)
    }
  }
}

extension TrainingExample {
  /// The runs of trained tokens as text.
  func trainedTexts(_ tokenizer: Tokenizer) -> [String] {
    var runs: [[Int32]] = []
    var isInRun = false
    for (token, isTrained) in zip(tokens, isTrained) {
      if isTrained, isInRun { runs[runs.count - 1].append(token) }
      if isTrained, !isInRun { runs.append([token]) }
      isInRun = isTrained
    }
    return runs.map { tokenizer.decode($0, skipSpecialTokens: false) }
  }
}
