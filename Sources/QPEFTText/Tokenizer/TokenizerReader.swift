internal import Foundation
public import QPEFTJSON

extension Tokenizer {
  /// Reads a `tokenizer.json`.
  ///
  /// - Throws: ``TokenizerError`` naming the part that cannot be read or is not known.
  public init(contentsOf path: String) throws(TokenizerError) {
    let name = (path as NSString).lastPathComponent
    self = try Tokenizer(json: try TextFile.json(at: path), file: name)
  }

  /// Reads a SentencePiece `tokenizer.model`.
  ///
  /// - Throws: ``TokenizerError`` naming the part that cannot be read or is not known.
  public init(sentencePiece path: String) throws(TokenizerError) {
    let file = (path as NSString).lastPathComponent
    self = try Tokenizer(json: try SentencePieceVocabulary.json(try TextFile.bytes(at: path), file: file), file: file)
  }

  /// Builds a tokenizer from the contents of a `tokenizer.json`.
  ///
  /// - Parameter file: the name to use in errors.
  public init(json: JSONValue, file: String = "tokenizer.json") throws(TokenizerError) {
    var reader = TokenizerReader(file: file)
    self = try reader.tokenizer(json)
  }
}

/// Small text files of a model directory.
enum TextFile {
  static func bytes(at path: String) throws(TokenizerError) -> [UInt8] {
    do {
      return Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    } catch {
      let reason = FileManager.default.fileExists(atPath: path) ? error.localizedDescription : "there is no such file"
      throw .unreadable(path: path, reason: reason)
    }
  }

  static func json(at path: String) throws(TokenizerError) -> JSONValue {
    try json(try bytes(at: path), path: path)
  }

  static func json(_ bytes: [UInt8], path: String) throws(TokenizerError) -> JSONValue {
    do {
      return try JSONValue(parsing: bytes)
    } catch {
      throw .malformedJSON(file: path, reason: error.description)
    }
  }
}

/// Builds a ``Tokenizer`` from its file.
struct TokenizerReader {
  let file: String
  /// Ids are below this: tables are as long as the largest id, so a file of two tokens may not name the sixteen-millionth.
  private(set) var idLimit = 0

  func malformed(_ part: String, _ reason: String) -> TokenizerError {
    .malformed(file: file, part: part, reason: reason)
  }

  mutating func tokenizer(_ json: JSONValue) throws(TokenizerError) -> Tokenizer {
    guard let model = json["model"] else { throw malformed("'model'", "is missing") }
    // Vocabularies have gaps: reserved ids, tokens taken out.
    let entries = (model["vocab"]?.object?.count ?? 0) + (json["added_tokens"]?.array?.count ?? 0)
    idLimit = min(4 * (entries + (model["vocab"]?.array?.count ?? 0)) + (1 << 16), 1 << 24)
    var patterns: [Pattern] = []
    var steps: [PreTokenizer] = []
    var isByteLevel = false
    if let value = json["pre_tokenizer"] { try preTokenizer(value, &steps, &patterns, &isByteLevel) }
    var texts = TokenTexts()
    let tokenModel = try tokenModel(model, &texts, isByteLevel: isByteLevel)

    var result = Tokenizer(model: tokenModel, tokens: texts)
    result.normalizer = try json["normalizer"].map(normalizer) ?? .none
    guard result.normalizer.growth <= Normalizer.mostGrowth else {
      throw malformed("'normalizer'", "makes texts more than \(Int(Normalizer.mostGrowth)) times as long")
    }
    result.preTokenizers = steps
    result.patterns = patterns
    try addTokens(json["added_tokens"]?.array ?? [], to: &result)
    if let value = json["post_processor"] { try postProcessor(value, &result) }
    if let value = json["decoder"] { result.decoders = try decoder(value) }
    guard (result.decoders ?? []).reduce(1, { $0 * $1.growth }) <= Normalizer.mostGrowth else {
      throw malformed("'decoder'", "makes texts more than \(Int(Normalizer.mostGrowth)) times as long")
    }
    return result
  }

  private func addTokens(_ values: [JSONValue], to result: inout Tokenizer) throws(TokenizerError) {
    var added: [AddedToken] = []
    defer { result.addedTokens = added }
    for value in values {
      guard let content = value["content"]?.string, let fileID = value["id"]?.integer, fileID >= 0, fileID < idLimit
      else { throw malformed("'added_tokens'", "holds an entry without content or possible id") }
      if content.isEmpty { continue }
      let token = AddedToken(
        id: result.tokens.id(of: content) ?? Int32(fileID), content: content,
        isSpecial: value["special"]?.bool ?? false, isNormalized: value["normalized"]?.bool ?? false,
        isSingleWord: value["single_word"]?.bool ?? false, stripsLeft: value["lstrip"]?.bool ?? false,
        stripsRight: value["rstrip"]?.bool ?? false)
      result.tokens.set(token.id, content)
      added.append(token)
      let bytes = Array(content.utf8)
      var spelled = bytes
      if token.isNormalized {
        spelled = result.normalizer(MappedText(bytes: bytes, base: 0)).bytes
        if spelled != bytes { result.tokens.respell(token.id, spelled) }
        result.normalizedTextTokens.insert(token, as: spelled)
      } else {
        result.givenTextTokens.insert(token, as: bytes)
      }
      // The library knows special tokens by their spelling: one that normalization respells is not skipped.
      if token.isSpecial, spelled == bytes { result.tokens.markSpecial(token.id) }
    }
  }
}
