internal import Foundation
internal import QPEFTJSON

/// A SentencePiece vocabulary on its way to a `tokenizer.json`: from a `tokenizer.model`, or from the metadata of a GGUF
/// file.
///
/// The result encodes as SentencePiece does, with two exceptions that the format asks for: user-defined and control
/// pieces are found in the text as given, and of neighbours that could merge to the same piece in two overlapping ways,
/// the split of the piece with the shorter left half comes first.
package struct SentencePieceVocabulary: Sendable {
  package enum Algorithm: Sendable { case unigram, bytePair }

  package struct Piece: Sendable {
    /// As SentencePiece numbers them.
    package enum Kind: Int, Sendable { case normal = 1, unknown, control, userDefined, unused, byte }

    package var text: String
    package var score: Float
    package var kind: Kind

    package init(text: String, score: Float, kind: Kind) {
      self.text = text
      self.score = score
      self.kind = kind
    }
  }

  package var algorithm: Algorithm
  package var pieces: [Piece]
  package var unknownID: Int?
  /// What is replaced before anything else; empty for none.
  package var characterMap: [UInt8] = []
  /// A space before every text.
  package var addsSpacePrefix = true
  /// One space where there are several, none at the ends.
  package var removesExtraSpaces = false
  /// Tokens around every text.
  package var before: TokenizerParts.Token?
  package var behind: TokenizerParts.Token?

  package init(_ algorithm: Algorithm, pieces: [Piece], unknownID: Int?) {
    self.algorithm = algorithm
    self.pieces = pieces
    self.unknownID = unknownID
  }

  private var fallsBackToBytes: Bool { pieces.contains { $0.kind == .byte } }

  /// The text of a piece in the file: user-defined pieces are looked for in the text as given, with spaces as spaces.
  private func spelling(_ piece: Piece) -> String {
    piece.kind == .userDefined ? piece.text.replacingOccurrences(of: "\u{2581}", with: " ") : piece.text
  }

  /// The text of the `tokenizer.json`, written in one go because a vocabulary is long.
  package func tokenizerJSON() -> [UInt8] {
    var added: [JSONValue] = []
    for (id, piece) in pieces.enumerated() {
      switch piece.kind {
      case .control, .unknown: added.append(TokenizerParts.addedToken(id, piece.text, isSpecial: true))
      case .userDefined: added.append(TokenizerParts.addedToken(id, spelling(piece), isSpecial: false))
      default: break
      }
    }
    var json = Array(#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":"#.utf8)
    func append(_ name: String, _ value: JSONValue) {
      json += Array(",\"\(name)\":".utf8)
      json += value.bytes(.compact, keepsUnicode: true)
    }
    json += JSONValue.array(added).bytes(.compact, keepsUnicode: true)
    append("normalizer", normalizer)
    append("pre_tokenizer", .null)
    append("post_processor", TokenizerParts.aroundText(before: before, behind: behind))
    append("decoder", decoder)
    json += Array(",\"model\":".utf8)
    switch algorithm {
    case .unigram: appendUnigram(to: &json)
    case .bytePair: appendBytePair(to: &json)
    }
    json += Array("}\n".utf8)
    return json
  }

  private var normalizer: JSONValue {
    func replace(_ kind: String, _ pattern: String, _ content: String) -> JSONValue {
      ["type": "Replace", "pattern": .object([kind: .string(pattern)]), "content": .string(content)]
    }
    var steps: [JSONValue] = []
    if !characterMap.isEmpty {
      steps.append(["type": "Precompiled", "precompiled_charsmap": .string(Data(characterMap).base64EncodedString())])
    }
    if removesExtraSpaces {
      steps += [replace("Regex", #"\A +| +\z"#, ""), replace("Regex", " {2,}", " ")]
    }
    if addsSpacePrefix { steps.append(["type": "Prepend", "prepend": " "]) }
    steps.append(replace("String", " ", "\u{2581}"))
    return ["type": "Sequence", "normalizers": .array(steps)]
  }

  private var decoder: JSONValue {
    var steps: [JSONValue] = [["type": "Replace", "pattern": ["String": "\u{2581}"], "content": " "]]
    if fallsBackToBytes { steps.append(["type": "ByteFallback"]) }
    steps.append(["type": "Fuse"])
    if addsSpacePrefix { steps.append(["type": "Strip", "content": " ", "start": 1, "stop": 0]) }
    return ["type": "Sequence", "decoders": .array(steps)]
  }

  private func appendUnigram(to json: inout [UInt8]) {
    json += Array("{\"type\":\"Unigram\",\"unk_id\":\(unknownID.map(String.init) ?? "null"),".utf8)
    json += Array("\"byte_fallback\":\(fallsBackToBytes),\"vocab\":[".utf8)
    for (id, piece) in pieces.enumerated() {
      if id > 0 { json.append(UInt8(ascii: ",")) }
      let entry: JSONValue = [.string(spelling(piece)), .number(Double(piece.score))]
      json += entry.bytes(.compact, keepsUnicode: true)
    }
    json += Array("]}".utf8)
  }

  private func appendBytePair(to json: inout [UInt8]) {
    let unknown = JSONValue.quoted(unknownID.flatMap { pieces.indices.contains($0) ? pieces[$0].text : nil } ?? "<unk>")
    json += Array(
      "{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":\(unknown),\"continuing_subword_prefix\":null,".utf8)
    json += Array("\"end_of_word_suffix\":null,\"fuse_unk\":true,\"byte_fallback\":\(fallsBackToBytes),".utf8)
    json += Array("\"ignore_merges\":false,\"vocab\":{".utf8)
    var isFirst = true
    for (id, piece) in pieces.enumerated() where piece.kind != .unused {
      if !isFirst { json.append(UInt8(ascii: ",")) }
      isFirst = false
      json += Array("\(JSONValue.quoted(spelling(piece))):\(id)".utf8)
    }
    json += Array("},\"merges\":[".utf8)
    for (rank, merge) in merges().enumerated() {
      if rank > 0 { json.append(UInt8(ascii: ",")) }
      json += Array("[\(JSONValue.quoted(merge.left)),\(JSONValue.quoted(merge.right))]".utf8)
    }
    json += Array("]}".utf8)
  }

  /// Longer pieces are not looked through for halves, which takes a time of the square of the length. SentencePiece makes pieces
  /// of at most 16 characters.
  private static let longestMerged = 1024

  /// Every way to make a normal piece of two, best scores first: the order in which SentencePiece merges.
  private func merges() -> [(left: String, right: String)] {
    struct Merge {
      var score: Float
      var piece: Int32
      var split: Int32
    }
    var normal = ByteTable(capacity: pieces.count)
    for (id, piece) in pieces.enumerated() where piece.kind == .normal { normal.insert(piece.text, Int32(id)) }
    var merges: [Merge] = []
    for (id, piece) in pieces.enumerated() where piece.kind == .normal && piece.text.utf8.count <= Self.longestMerged {
      var text = piece.text
      text.withUTF8 { bytes in
        for split in bytes.indices.dropFirst() where bytes[split] & 0xC0 != 0x80 {
          guard normal[UnsafeBufferPointer(rebasing: bytes[..<split])] != nil,
            normal[UnsafeBufferPointer(rebasing: bytes[split...])] != nil
          else { continue }
          merges.append(Merge(score: piece.score, piece: Int32(id), split: Int32(split)))
        }
      }
    }
    merges.sort { a, b in
      a.score != b.score ? a.score > b.score : (a.piece, a.split) < (b.piece, b.split)
    }
    return merges.map { merge in
      let bytes = pieces[Int(merge.piece)].text.utf8
      return (
        String(decoding: Array(bytes.prefix(Int(merge.split))), as: UTF8.self),
        String(decoding: Array(bytes.dropFirst(Int(merge.split))), as: UTF8.self)
      )
    }
  }
}
