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

  /// What the models of a family do, as their `tokenizer.json` says it.
  private enum Family: CaseIterable {
    /// GPT-2's pattern; the same after single digits, and with NFC.
    case gpt2, digits, digitsNFC
    /// Llama 3's pattern (digits in threes) with whole words taken as they are, and without.
    case llama3, threes
    /// Llama 3's pattern with single digits: Qwen 2 (with NFC), StableLM 2.
    case qwen2, stableLM
    /// GPT-4o's pattern (words by their case, digits in threes), and Mistral's Tekken (single digits).
    case gpt4o, tekken
    case deepseekCoder, deepseek3
    /// Words with the space before them; the same with single digits.
    case bloom, viking

    var names: [String] {
      switch self {
      case .gpt2:
        ["gpt-2", "phi-2", "jina-es", "jina-de", "mpt", "olmo", "gigachat", "jais", "exaone4", "a.x-4.0", "mellum"]
      case .digits: ["smollm", "starcoder", "refact", "codeshell", "minerva-7b", "exaone"]
      case .digitsNFC: ["command-r"]
      case .llama3:
        ["llama-bpe", "llama3", "llama-v3", "smaug-bpe", "dbrx", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"]
      case .threes: ["chatglm-bpe"]
      case .qwen2: ["qwen2", "deepseek-r1-qwen", "megrez", "kormo"]
      case .stableLM: ["stablelm2"]
      case .gpt4o: ["gpt-4o", "llama4", "kanana2"]
      case .tekken: ["tekken"]
      case .deepseekCoder: ["deepseek-coder"]
      case .deepseek3: ["deepseek-v3", "hunyuan-dense"]
      case .bloom: ["bloom", "poro-chat", "gpt3-finnish"]
      case .viking: ["viking"]
      }
    }

    /// The patterns that cut a text, one after the other; empty for GPT-2's, which the byte-level step has.
    var patterns: [String] {
      switch self {
      case .gpt2, .digits, .digitsNFC: []
      case .llama3, .threes: [Self.words(digits: #"\p{N}{1,3}"#)]
      case .qwen2, .stableLM: [Self.words(digits: #"\p{N}"#)]
      case .gpt4o: [Self.wordsByCase(#"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"#, digits: #"\p{N}{1,3}"#)]
      case .tekken: [Self.wordsByCase("", digits: #"\p{N}"#)]
      case .deepseekCoder: ["[\r\n]", #"\s?\p{L}+"#, #"\s?\p{P}+"#, "[一-龥ࠀ-一가-퟿]+", #"\p{N}"#]
      case .deepseek3:
        [
          #"\p{N}{1,3}"#, "[一-龥぀-ゟ゠-ヿ]+",
          ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"##
            + #"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#,
        ]
      case .bloom: [Self.spacedWords]
      case .viking: [Self.spacedWords, #"\p{N}"#]
      }
    }

    private static let spacedWords = #" ?[^(\s|.,!?…。，、।۔،)]+"#

    private static func words(digits: String) -> String {
      #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + digits
        + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    }

    private static func wordsByCase(_ contraction: String, digits: String) -> String {
      let (upper, lower) = (#"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#, #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#)
      let start = #"[^\r\n\p{L}\p{N}]?"#
      return "\(start)\(upper)*\(lower)+\(contraction)|\(start)\(upper)+\(lower)*\(contraction)|" + digits
        + #"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    }
  }

  /// The name for the steps of a `pre_tokenizer`, if there is one: the other direction of `init`.
  static func name(of steps: JSONValue, ignoresMerges: Bool) -> String? {
    let wanted = words(steps)
    let family = Family.allCases.first { family in
      family.names.first.flatMap { GGUFPreTokenizer($0) }.map { words($0.steps) == wanted } ?? false
    }
    // The same cuts without taking whole words have another name.
    return family == .llama3 && !ignoresMerges ? "dbrx" : family?.names.first
  }

  /// What matters of steps, one word a step.
  private static func words(_ steps: JSONValue) -> [String] {
    if let parts = steps["pretokenizers"]?.array { return parts.flatMap(words) }
    switch steps["type"]?.string {
    case "ByteLevel":
      return ["bytes \(steps["use_regex"]?.bool ?? true) \(steps["add_prefix_space"]?.bool ?? true)"]
    case "Digits": return ["digits \(steps["individual_digits"]?.bool ?? false)"]
    case "Split":
      let pattern = steps["pattern"]?["Regex"]?.string ?? steps["pattern"]?["String"].map { "\($0)" } ?? ""
      return ["split \(steps["behavior"]?.string ?? "") \(steps["invert"]?.bool ?? false) \(pattern)"]
    case let other: return [other ?? "nothing"]
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
    func sequence(_ steps: [JSONValue]) -> JSONValue { ["type": "Sequence", "pretokenizers": .array(steps)] }
    switch family {
    case .gpt2: steps = byteLevel(usesPattern: true)
    case .digits, .digitsNFC:
      steps = sequence([["type": "Digits", "individual_digits": true], byteLevel(usesPattern: true)])
    default:
      let splits: [JSONValue] = family.patterns.map { pattern in
        ["type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated", "invert": false]
      }
      steps = sequence(splits + [byteLevel(usesPattern: false)])
    }
    normalizer = family == .qwen2 || family == .digitsNFC ? ["type": "NFC"] : .null
    ignoresMerges = family == .llama3 || family == .tekken
    addsBOS = family == .llama3 || family == .tekken
  }
}
