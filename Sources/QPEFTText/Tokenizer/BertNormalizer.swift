/// The normalizer of BERT's tokenizers.
struct BertNormalizer: Sendable {
  /// Takes control characters out and makes all white space spaces.
  var cleansText = true
  /// Puts spaces around ideographs.
  var separatesIdeographs = true
  var stripsAccents = true
  var lowercases = true

  func callAsFunction(_ text: MappedText) -> MappedText {
    if let plain = ofASCII(text) { return plain }
    var text = text
    if cleansText { text = Self.clean(text) }
    if separatesIdeographs { text = Self.separateIdeographs(text) }
    if stripsAccents { text = Normalization.shared.apply(.nfd, to: text).removing(.bertAccents) }
    return lowercases ? Normalizer.lowercase(text) : text
  }

  /// A text of ASCII without control characters, in which every byte keeps its place; nil for any other.
  private func ofASCII(_ text: MappedText) -> MappedText? {
    var text = text
    for (index, byte) in text.bytes.enumerated() {
      switch byte {
      case 0x41...0x5A: if lowercases { text.bytes[index] = byte | 0x20 }
      case 0x20...0x7E: break
      case 0x09, 0x0A, 0x0D: if cleansText { text.bytes[index] = 0x20 }
      default: return nil
      }
    }
    return text
  }

  private static func clean(_ text: MappedText) -> MappedText {
    text.rewritingScalars { scalar, position, result in
      if ScalarSet.whitespace.contains(scalar), scalar != 0x0B, scalar != 0x0C, scalar != 0x85 {
        result.append(0x20, from: position, of: text)
      } else if !ScalarSet.bertControls.contains(scalar) {
        result.append(scalar, from: position, of: text)
      }
    }
  }

  private static func separateIdeographs(_ text: MappedText) -> MappedText {
    text.rewritingScalars { scalar, position, result in
      let isIdeograph = ScalarSet.bertIdeographs.contains(scalar)
      if isIdeograph { result.append(0x20, from: position, of: text) }
      result.append(scalar, from: position, of: text)
      if isIdeograph { result.append(0x20, from: position, of: text) }
    }
  }
}

extension MappedText {
  /// Writes the text anew, scalar by scalar.
  fileprivate func rewritingScalars(_ write: (UInt32, Int, inout Builder) -> Void) -> MappedText {
    var result = Builder(like: self)
    bytes.withUnsafeBufferPointer { bytes in
      var position = 0
      while position < bytes.count {
        let (scalar, length) = UTF8Coding.scalar(at: position, in: bytes)
        write(scalar, position, &result)
        position += length
      }
    }
    return result.finish(self)
  }

  /// The text without the scalars of a set.
  func removing(_ set: ScalarSet) -> MappedText {
    rewritingScalars { scalar, position, result in
      if !set.contains(scalar) { result.append(scalar, from: position, of: self) }
    }
  }
}

extension ScalarSet {
  fileprivate static let bertControls = ScalarSet(ranges: ScalarClass.ranges(NormalizerSetData.bertControls))
  fileprivate static let bertIdeographs = ScalarSet(ranges: ScalarClass.ranges(NormalizerSetData.bertIdeographs))
  fileprivate static let bertAccents = ScalarSet(ranges: ScalarClass.ranges(NormalizerSetData.bertAccents))
  static let accents = ScalarSet(ranges: ScalarClass.ranges(NormalizerSetData.accents))
}
