internal import QPEFTTensor

/// What one file says of itself: metadata, and where its tensors lie. Every tensor's bytes are in the file.
struct GGUFHeader {
  let metadata: [String: GGUFValue]
  let entries: [GGUFFile.Entry]

  /// Checks a mapped file, which is number `part` of its model.
  init(_ file: MappedFile, part: Int) throws(GGUFError) {
    var cursor = GGUFCursor(file.bytes, file: file.path)
    guard file.bytes.count >= 4, try cursor.number(UInt32.self, "the header") == 0x4655_4747 else {
      throw .notGGUF(file: file.path)
    }
    let version = try cursor.number(UInt32.self, "the header")
    guard version == 2 || version == 3 else { throw .version(file: file.path, version: version) }
    let tensorCount = try cursor.count(of: "tensors", width: 24)
    let keyCount = try cursor.count(of: "metadata", width: 13)
    var metadata: [String: GGUFValue] = [:]
    for _ in 0..<keyCount {
      let key = try cursor.name("a metadata key")
      let value = try cursor.value(of: key)
      guard metadata.updateValue(value, forKey: key) == nil else {
        throw .metadata(file: file.path, key: key, problem: "occurs twice")
      }
    }
    let alignment = metadata["general.alignment"].map { $0.integer ?? 0 } ?? 32
    guard (8...(1 << 20)).contains(alignment), alignment & (alignment - 1) == 0 else {
      throw .metadata(file: file.path, key: "general.alignment", problem: "is not a power of two from 8 on")
    }
    var infos: [Info] = []
    for _ in 0..<tensorCount { infos.append(try Info(&cursor)) }
    let dataStart = (cursor.offset + alignment - 1) / alignment * alignment
    var entries: [GGUFFile.Entry] = []
    for info in infos {
      entries.append(try info.entry(dataStart: dataStart, alignment: alignment, file: file, part: part))
    }
    self.metadata = metadata
    self.entries = entries
  }
}

/// One record of the file's list of tensors, before its place is checked.
private struct Info {
  let name: String
  let shape: [UInt64]
  let type: UInt32
  let offset: UInt64

  init(_ cursor: inout GGUFCursor) throws(GGUFError) {
    name = try cursor.name("a tensor's name")
    let rank = try cursor.number(UInt32.self, "the shape of \(name)")
    guard rank <= 4 else {
      throw .tensor(file: cursor.file, tensor: name, problem: "has \(rank) dimensions, at most 4 are possible")
    }
    var shape: [UInt64] = []
    for _ in 0..<rank { shape.append(try cursor.number(UInt64.self, "the shape of \(name)")) }
    self.shape = shape.reversed()
    type = try cursor.number(UInt32.self, "the type of \(name)")
    offset = try cursor.number(UInt64.self, "the place of \(name)")
  }

  func entry(
    dataStart: Int, alignment: Int, file: MappedFile, part: Int
  ) throws(GGUFError) -> GGUFFile.Entry {
    func fail(_ problem: String) -> GGUFError { .tensor(file: file.path, tensor: name, problem: problem) }
    guard let type = GGUFType(rawValue: type) else {
      throw .unsupportedType(file: file.path, tensor: name, type: GGUFType.name(of: self.type))
    }
    var count = 1
    for extent in shape {
      guard let extent = Int(exactly: extent), extent > 0 else { throw fail("has an impossible shape \(shape)") }
      let (product, overflow) = count.multipliedReportingOverflow(by: extent)
      guard !overflow else { throw fail("its shape \(shape) has more elements than can be counted") }
      count = product
    }
    guard (shape.last ?? 1) % UInt64(type.blockCount) == 0 else {
      throw fail("its rows are not whole blocks of \(type.name)")
    }
    let (bytes, overflow) = (count / type.blockCount).multipliedReportingOverflow(by: type.blockBytes)
    guard !overflow else { throw fail("its shape \(shape) has more bytes than can be counted") }
    guard let offset = Int(exactly: offset), offset % alignment == 0 else {
      throw fail("its offset \(self.offset) is not aligned")
    }
    guard dataStart <= file.bytes.count, offset <= file.bytes.count - dataStart,
      bytes <= file.bytes.count - dataStart - offset
    else { throw .truncated(file: file.path, part: "the tensor \(name)") }
    return GGUFFile.Entry(
      name: name, type: type, shape: shape.map { Int($0) }, part: part,
      range: (dataStart + offset)..<(dataStart + offset + bytes))
  }
}
