internal import QPEFTJSON

extension SentencePieceVocabulary {
  /// The `tokenizer.json` that says what a `tokenizer.model` says.
  ///
  /// - Throws: what ``init(bytes:name:)`` throws.
  static func json(_ bytes: [UInt8], file: String) throws(TokenizerError) -> JSONValue {
    try TextFile.json(try SentencePieceVocabulary(bytes: bytes, name: file).tokenizerJSON(), path: file)
  }

  /// Reads a `tokenizer.model`: the few fields of SentencePiece's message that say how to encode.
  ///
  /// - Parameter name: the file's name for errors.
  /// - Throws: ``TokenizerError/malformed(file:part:reason:)``, or that the model is no BPE or unigram.
  init(bytes: [UInt8], name: String) throws(TokenizerError) {
    self.init(.unigram, pieces: [], unknownID: 0)
    removesExtraSpaces = true
    var bosID: Int? = 1
    do throws(Failure) {
      try read(bytes, &bosID)
    } catch {
      switch error {
      case .unsupported(let kind): throw .unsupported(part: "SentencePiece model", kind: kind)
      case .malformed(let reason): throw .malformed(file: name, part: "the message", reason: reason)
      }
    }
    // Models that continue text, which are BPE, begin it with BOS.
    if algorithm == .bytePair, let bosID, pieces.indices.contains(bosID), pieces[bosID].kind == .control {
      before = TokenizerParts.Token(id: bosID, text: pieces[bosID].text)
    }
    if pieces.isEmpty { throw .malformed(file: name, part: "the message", reason: "holds no pieces") }
  }

  private enum Failure: Error {
    case malformed(String)
    case unsupported(String)
  }

  private mutating func read(_ bytes: [UInt8], _ bosID: inout Int?) throws(Failure) {
    try Self.forEachField(of: bytes, 0..<bytes.count) { field, value throws(Failure) in
      guard case .bytes(let range) = value else { return }
      switch field {
      case 1: pieces.append(try Self.piece(bytes, range, number: pieces.count))
      case 2: try readTrainer(bytes, range, &bosID)
      case 3: try readNormalizer(bytes, range)
      default: break
      }
    }
  }

  private static func forEachField(
    of bytes: [UInt8], _ range: Range<Int>, _ body: (Int, ProtobufReader.Value) throws(Failure) -> Void
  ) throws(Failure) {
    var reader = ProtobufReader(bytes, range)
    while true {
      let next: (field: Int, value: ProtobufReader.Value)?
      do throws(ProtobufReader.Malformed) {
        next = try reader.next()
      } catch { throw .malformed("is damaged at byte \(error.offset)") }
      guard let next else { return }
      try body(next.field, next.value)
    }
  }

  private static func piece(_ bytes: [UInt8], _ range: Range<Int>, number: Int) throws(Failure) -> Piece {
    var piece = Piece(text: "", score: 0, kind: .normal)
    try forEachField(of: bytes, range) { field, value throws(Failure) in
      switch (field, value) {
      case (1, .bytes(let range)):
        let text = bytes[range]
        guard text.withUnsafeBufferPointer({ UTF8Validation.firstInvalid(in: $0) }) == nil else {
          throw .malformed("holds a piece \(number) that is not UTF-8")
        }
        piece.text = String(decoding: text, as: UTF8.self)
      case (2, .fixed32(let bits)):
        piece.score = Float(bitPattern: bits)
        if !piece.score.isFinite { throw .malformed("gives piece \(number) no finite score") }
      case (3, .integer(let kind)):
        guard let kind = Int(exactly: kind).flatMap(Piece.Kind.init) else {
          throw .malformed("gives piece \(number) an unknown type")
        }
        piece.kind = kind
      default: break
      }
    }
    return piece
  }

  private mutating func readTrainer(
    _ bytes: [UInt8], _ range: Range<Int>, _ bosID: inout Int?
  ) throws(Failure) {
    /// Negative numbers say that there is no such piece.
    func id(_ value: UInt64) -> Int? {
      let id = Int32(truncatingIfNeeded: value)
      return id < 0 ? nil : Int(id)
    }
    try Self.forEachField(of: bytes, range) { field, value throws(Failure) in
      switch (field, value) {
      case (3, .integer(1)): algorithm = .unigram
      case (3, .integer(2)): algorithm = .bytePair
      case (3, .integer(let kind)): throw .unsupported(kind == 3 ? "word" : kind == 4 ? "char" : "\(kind)")
      case (24, .integer(let flag)):
        if flag != 0 { throw .unsupported("treat_whitespace_as_suffix") }
      case (40, .integer(let value)): unknownID = id(value)
      case (41, .integer(let value)): bosID = id(value)
      default: break
      }
    }
  }

  private mutating func readNormalizer(_ bytes: [UInt8], _ range: Range<Int>) throws(Failure) {
    try Self.forEachField(of: bytes, range) { field, value throws(Failure) in
      switch (field, value) {
      case (2, .bytes(let range)): characterMap = Array(bytes[range])
      case (3, .integer(let flag)): addsSpacePrefix = flag != 0
      case (4, .integer(let flag)): removesExtraSpaces = flag != 0
      case (5, .integer(0)): throw .unsupported("without escaped white space")
      default: break
      }
    }
  }
}
