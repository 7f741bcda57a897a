/// Text to token ids and back, by the rules of a Hugging Face `tokenizer.json`.
///
/// Ids are those of the `tokenizers` library on any Unicode text: all work is done on UTF-8 bytes and Unicode scalars,
/// by the library's own idea of Unicode. A value; safe to share between threads.
public struct Tokenizer: Sendable {
  var normalizer = Normalizer.none
  var preTokenizers: [PreTokenizer] = []
  var patterns: [Pattern] = []
  var model: TokenModel
  /// Added tokens to find before normalization, and after it.
  var givenTextTokens = AddedTokenFinder()
  var normalizedTextTokens = AddedTokenFinder()
  /// Ids that the post-processor puts before and behind a text.
  var prefix: [Int32] = []
  var suffix: [Int32] = []
  var decoders: [TokenDecoder]?
  var tokens: TokenTexts

  init(model: TokenModel, tokens: TokenTexts) {
    self.model = model
    self.tokens = tokens
  }

  /// Tokens that are found in a text before the model sees it, in the order of the file.
  public internal(set) var addedTokens: [AddedToken] = [] {
    didSet { addedIDs = Set(addedTokens.map(\.id)) }
  }
  private var addedIDs: Set<Int32> = []

  /// One more than the largest id.
  public var vocabularySize: Int { tokens.count }

  /// The id of a token, spelled as in the vocabulary (byte-level vocabularies spell a space as `Ġ`).
  public func id(ofToken token: String) -> Int32? { tokens.id(of: token) }

  /// The token with an id, spelled as in the vocabulary; nil for an id that is not used.
  public func token(withID id: Int32) -> String? { tokens.text(of: id).map { String(decoding: $0, as: UTF8.self) } }

  /// Whether `skipSpecialTokens` leaves the token out.
  public func isSpecial(_ id: Int32) -> Bool { tokens.isSpecial(id) }

  /// Whether the token is one of ``addedTokens``.
  public func isAdded(_ id: Int32) -> Bool { addedIDs.contains(id) }

  /// Whether the token is white space and no added one.
  func isBlank(_ id: Int32) -> Bool {
    !isAdded(id) && decode([id], skipSpecialTokens: false).allSatisfy(\.isWhitespace)
  }

  /// The token that stands for what the vocabulary cannot write, if it has one.
  public var unknownID: Int32? { model.unknownID }

  /// Ids that `encode` puts before every text, such as a BOS token.
  public var prefixIDs: [Int32] { prefix }

  /// Ids that `encode` puts behind every text.
  public var suffixIDs: [Int32] { suffix }

  /// Checks that every id is a row of a model's embedding.
  ///
  /// - Throws: ``TokenizerError/vocabularyMismatch(token:id:modelSize:)`` for the largest id outside.
  public func check(vocabularySize: Int) throws(TokenizerError) {
    let largest = tokens.count - 1
    guard largest >= vocabularySize else { return }
    let token = token(withID: Int32(largest)) ?? ""
    throw .vocabularyMismatch(token: token, id: largest, modelSize: vocabularySize)
  }
}

/// The spelling of every token, by id.
struct TokenTexts: Sendable {
  private var bytes: [UInt8] = []
  private var starts: [Int32] = []
  private var ends: [Int32] = []
  private var special: [Bool] = []
  private var ids = ByteTable()

  init(capacity: Int = 16) { ids = ByteTable(capacity: capacity) }

  /// One more than the largest id.
  var count: Int { starts.count }

  mutating func set(_ id: Int32, _ text: String) {
    let index = Int(id)
    if index >= starts.count {
      starts.append(contentsOf: repeatElement(-1, count: index + 1 - starts.count))
      ends.append(contentsOf: repeatElement(-1, count: index + 1 - ends.count))
      special.append(contentsOf: repeatElement(false, count: index + 1 - special.count))
    }
    starts[index] = Int32(bytes.count)
    bytes.append(contentsOf: text.utf8)
    ends[index] = Int32(bytes.count)
    ids.insert(text, id)
  }

  /// Another spelling for decoding only, of an added token that is looked for in normalized text.
  mutating func respell(_ id: Int32, _ text: [UInt8]) {
    starts[Int(id)] = Int32(bytes.count)
    bytes.append(contentsOf: text)
    ends[Int(id)] = Int32(bytes.count)
  }

  mutating func markSpecial(_ id: Int32) { special[Int(id)] = true }

  func isSpecial(_ id: Int32) -> Bool { id >= 0 && id < count && special[Int(id)] }

  func id(of text: String) -> Int32? { ids[text] }

  func id(of text: UnsafeBufferPointer<UInt8>) -> Int32? { ids[text] }

  func text(of id: Int32) -> ArraySlice<UInt8>? {
    guard id >= 0, Int(id) < count, starts[Int(id)] >= 0 else { return nil }
    return bytes[Int(starts[Int(id)])..<Int(ends[Int(id)])]
  }
}
