internal import QPEFTJSON
/// How a text is cut before merging, by the name in `tokenizer.ggml.pre`, in the words of `tokenizer.json`.
package struct GGUFPreTokenizer {
  /// `pre_tokenizer` and `normalizer`.
  let steps: JSONValue
  let normalizer: JSONValue
  /// Whether a whole word of the vocabulary is taken without merging.
  let ignoresMerges: Bool
  /// Whether a text starts with BOS when the metadata do not say.
  let addsBOS: Bool

  private enum Family: CaseIterable {
    /// GPT-2's pattern; the same after single digits; Llama 3's pattern (digits in threes); Qwen 2's (single digits, NFC).
    case gpt2, digits, llama3, qwen2

    var names: [String] {
      switch self {
      case .gpt2: ["gpt-2", "phi-2", "jina-es", "jina-de", "mpt", "olmo", "gigachat"]
      case .digits: ["smollm", "starcoder", "refact", "codeshell", "minerva-7b"]
      case .llama3: ["llama-bpe", "llama3", "llama-v3", "smaug-bpe", "dbrx", "falcon3"]
      case .qwen2: ["qwen2", "stablelm2", "deepseek-r1-qwen"]
      }
    }
  }

  /// Names that are known.
  package static var names: [String] { Family.allCases.flatMap(\.names).sorted() }

  /// The steps for that name, if it is known.
  package init?(_ name: String) {
    guard let family = Family.allCases.first(where: { $0.names.contains(name) }) else { return nil }
    func byteLevel(usesPattern: Bool) -> JSONValue {
      ["type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": .bool(usesPattern)]
    }
    func split(digits: String) -> JSONValue {
      let pattern =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + digits
        + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
      let step: JSONValue = [
        "type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated", "invert": false,
      ]
      return ["type": "Sequence", "pretokenizers": [step, byteLevel(usesPattern: false)]]
    }
    switch family {
    case .gpt2: steps = byteLevel(usesPattern: true)
    case .digits:
      steps = [
        "type": "Sequence",
        "pretokenizers": [["type": "Digits", "individual_digits": true], byteLevel(usesPattern: true)],
      ]
    case .llama3: steps = split(digits: #"\p{N}{1,3}"#)
    case .qwen2: steps = split(digits: #"\p{N}"#)
    }
    normalizer = name == "qwen2" || name == "deepseek-r1-qwen" ? ["type": "NFC"] : .null
    ignoresMerges = family == .llama3
    addsBOS = family == .llama3
  }
}
