import Foundation
import QPEFTFormats
import QPEFTTensor
import Testing

@Suite("GGUF from strangers") struct GGUFHostileTests {
  private func open(_ bytes: [UInt8], in directory: String) throws -> (any Error)? {
    let path = directory + "/x.gguf"
    try write(bytes, to: path)
    do {
      let gguf = try GGUFFile(path: path)
      for entry in gguf.entries { #expect(gguf.bytes(entry).count == entry.range.count) }
      return nil
    } catch {
      #expect(!"\(error)".isEmpty)
      return error
    }
  }

  private func failure(_ bytes: [UInt8]) throws -> (any Error)? {
    try withTemporaryDirectory { try open(bytes, in: $0) }
  }

  /// The start of a file: magic, version, counts.
  private func header(version: UInt32 = 3, tensors: UInt64 = 0, keys: UInt64 = 0) -> [UInt8] {
    Array("GGUF".utf8) + little(version) + little(tensors) + little(keys)
  }

  private func little(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }
  private func text(_ text: String) -> [UInt8] { little(UInt64(text.utf8.count)) + Array(text.utf8) }

  private func tensor(_ name: String, _ shape: [UInt64], type: UInt32 = 0, offset: UInt64 = 0) -> [UInt8] {
    text(name) + little(UInt32(shape.count)) + shape.flatMap(little) + little(type) + little(offset)
  }

  @Test func `a file cut off at any byte is refused`() throws {
    let whole = try readBytes(fixture("gguf/types.gguf"))
    try withTemporaryDirectory { directory throws in
      #expect(try open(whole, in: directory) == nil)
      // The last tensor is padded to the alignment; what is cut off there is padding.
      for count in 0..<(whole.count - 64) {
        #expect(try open(Array(whole[..<count]), in: directory) != nil, "\(count) bytes")
      }
    }
  }

  @Test func `no single changed byte of a header makes reading trap`() throws {
    let whole = try readBytes(fixture("gguf/types.gguf"))
    try withTemporaryDirectory { directory in
      for index in 0..<1200 {
        for value: UInt8 in [0, 0x7F, 0xFF] {
          var bytes = whole
          bytes[index] = value
          _ = try open(bytes, in: directory)
        }
      }
    }
  }

  @Test func `other versions, byte orders and formats are refused`() throws {
    for version: UInt32 in [0, 1, 4, 0x0300_0000] {
      #expect(try failure(header(version: version)) is GGUFError, "version \(version)")
    }
    #expect(try failure(Array("GGML".utf8) + header().dropFirst(4)) is GGUFError)
    #expect(try failure([]) is GGUFError)
    #expect(try failure(header()) == nil)
  }

  @Test func `counts that the file cannot hold are refused before anything is allocated`() throws {
    for count in [UInt64.max, 1 << 62, 1 << 32] {
      #expect(try failure(header(tensors: count)) is GGUFError)
      #expect(try failure(header(keys: count)) is GGUFError)
      let string = header(keys: 1) + little(count) + Array("abcdefgh".utf8)
      #expect(try failure(string) is GGUFError)
      let list = header(keys: 1) + text("k") + little(UInt32(9)) + little(UInt32(4)) + little(count)
      #expect(try failure(list) is GGUFError)
    }
  }

  @Test func `lists nested without end are refused`() throws {
    var bytes = header(keys: 1) + text("k") + little(UInt32(9))
    for _ in 0..<100_000 { bytes += little(UInt32(9)) + little(UInt64(1)) }
    #expect(try failure(bytes) is GGUFError)
  }

  @Test func `keys and tensors that occur twice are refused`() throws {
    let key = text("k") + little(UInt32(7)) + [1]
    #expect(try failure(header(keys: 2) + key + key) is GGUFError)
    let padding = [UInt8](repeating: 0, count: 64)
    #expect(try failure(header(tensors: 2) + tensor("a", [1]) + tensor("a", [1]) + padding) is GGUFError)
  }

  @Test func `impossible shapes, types, offsets and alignments are refused`() throws {
    let padding = [UInt8](repeating: 0, count: 256)
    #expect(try failure(header(tensors: 1) + tensor("a", [8]) + padding) == nil)
    for shape: [UInt64] in [[0], [1 << 63], [1 << 33, 1 << 33], [1 << 62, 2], [1, 1, 1, 1, 1], [1 << 40]] {
      #expect(try failure(header(tensors: 1) + tensor("a", shape) + padding) is GGUFError, "\(shape)")
    }
    #expect(try failure(header(tensors: 1) + tensor("a", [33], type: 2) + padding) is GGUFError)
    #expect(try failure(header(tensors: 1) + tensor("a", [8], offset: 1) + padding) is GGUFError)
    #expect(try failure(header(tensors: 1) + tensor("a", [8], offset: UInt64.max - 31) + padding) is GGUFError)
    #expect(try failure(header(tensors: 1) + tensor("a", [8], offset: 1 << 20) + padding) is GGUFError)
    guard
      case .unsupportedType(_, "a", "IQ2_XS")? = try failure(
        header(tensors: 1) + tensor("a", [256], type: 17) + padding)
        as? GGUFError
    else {
      Issue.record("IQ2_XS was read")
      return
    }
    for alignment: UInt32 in [0, 3, 4, 0xFFFF_FFFF] {
      let key = text("general.alignment") + little(UInt32(4)) + little(alignment)
      #expect(try failure(header(keys: 1) + key) is GGUFError, "alignment \(alignment)")
    }
  }

  @Test("parts that are missing, doubled, foreign or named otherwise are refused")
  func wrongParts() throws {
    let names = (1...3).map { "tiny-llama-split-0000\($0)-of-00003.gguf" }
    let parts = try names.map { try readBytes(fixture("gguf/" + $0)) }
    func failure(_ files: [(String, [UInt8])], opening name: String) throws -> (any Error)? {
      try withTemporaryDirectory { directory in
        for (name, bytes) in files { try write(bytes, to: directory + "/" + name) }
        do { _ = try GGUFFile(path: directory + "/" + name) } catch { return error }
        return nil
      }
    }
    #expect(try failure([(names[0], parts[0]), (names[1], parts[1]), (names[2], parts[2])], opening: names[0]) == nil)
    #expect(try failure([(names[0], parts[0]), (names[1], parts[1])], opening: names[0]) is MappedFileError)
    guard case .notFirstPart? = try failure([(names[1], parts[1])], opening: names[1]) as? GGUFError,
      case .notFirstPart? = try failure([("x.gguf", parts[0])], opening: "x.gguf") as? GGUFError,
      case .tensor(_, _, "occurs twice")? = try failure(
        [(names[0], parts[0]), (names[1], parts[1]), (names[2], parts[1])], opening: names[0]) as? GGUFError,
      case .metadata(_, "split.tensors.count", _)? = try failure(
        [(names[0], parts[0]), (names[1], parts[1]), (names[2], header())], opening: names[0]) as? GGUFError
    else {
      Issue.record("wrong parts were read, or for another reason refused")
      return
    }
  }

  @Test(
    "a model that would be converted wrongly is refused",
    arguments: [
      ("smollm", "smollx"), ("gpt2", "bert"), ("blk.0.attn_q", "blk.0.attn_z"),
      ("llama.context_length", "llama.context_lengtx"),
      ("tokenizer.ggml.tokens", "tokenizer.ggml.tokenx"), ("token_embd.weight", "token_embx.weight"),
      ("llama.attention.head_count_kv", "llama.rope.dimension_couny"),
    ])
  func wrongModel(_ old: String, _ new: String) throws {
    let old = Array(old.utf8), new = Array((new + String(repeating: "y", count: 99)).utf8.prefix(old.count))
    var bytes = try readBytes(fixture("gguf/tiny-llama.gguf"))
    let at = try #require(bytes.indices.first { bytes[$0...].starts(with: old) })
    bytes.replaceSubrange(at..<(at + old.count), with: new)
    try withTemporaryDirectory { directory in
      try write(bytes, to: directory + "/x.gguf")
      #expect(throws: GGUFError.self) {
        try CheckpointQuantizer(source: directory + "/x.gguf", output: directory + "/out").run()
      }
      let left = try FileManager.default.contentsOfDirectory(atPath: directory)
      #expect(left == ["x.gguf"])
    }
  }

  @Test func `a model of another architecture is refused by name, and nothing is written`() throws {
    try withTemporaryDirectory { directory in
      do {
        _ = try CheckpointQuantizer(source: fixture("gguf/types.gguf"), output: directory + "/out").run()
        Issue.record("quantized")
      } catch let error as GGUFError {
        #expect(error.description.contains("none") && error.remedy.contains("llama"))
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
    }
  }

  @Test func `two spellings of one block's number are refused, before anything is written`() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/x.gguf"
      var bytes = try readBytes(fixture("gguf/tiny-llama.gguf"))
      let gguf = try GGUFFile(path: fixture("gguf/tiny-llama.gguf"))
      let dataStart = try #require(gguf.entries.map(\.range.lowerBound).min())
      let old = text("blk.1.attn_norm.weight"), new = text("blk.00.attn_norm.weight")
      // The name grows by a byte, the padding before the numbers shrinks by one.
      try #require(bytes[dataStart - 1] == 0)
      bytes.remove(at: dataStart - 1)
      let at = try #require(bytes.indices.first { bytes[$0...].starts(with: old) })
      bytes.replaceSubrange(at..<(at + old.count), with: new)
      try write(bytes, to: path)
      for read in [
        { _ = try GGUFModel(path: path) },
        { _ = try CheckpointQuantizer(source: path, output: directory + "/out").run() },
      ] {
        #expect {
          try read()
        } throws: { error in
          "\(error)".contains("is model.layers.0.input_layernorm.weight a second time")
        }
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["x.gguf"])
    }
  }

  @Test func `lists of bytes stay bytes`() throws {
    let numbers: [UInt8] = [0, 1, 127, 128, 255]
    var lists: [UInt8] = []
    for type: UInt32 in [0, 1, 7] {
      lists += text("k\(type)")
      lists += little(UInt32(9))
      lists += little(type)
      lists += little(UInt64(numbers.count))
      lists += numbers
    }
    try withTemporaryDirectory { directory in
      try write(header(keys: 3) + lists, to: directory + "/x.gguf")
      let metadata = try GGUFFile(path: directory + "/x.gguf").metadata
      #expect(metadata["k0"] == .bytes(numbers))
      #expect(metadata["k1"] == .signedBytes([0, 1, 127, -128, -1]))
      #expect(metadata["k7"] == .bools([false, true, true, true, true]))
      #expect(metadata["k1"]?.list?.compactMap(\.integer) == [0, 1, 127, -128, -1])
      #expect(metadata["k0"]?.list?.compactMap(\.integer) == numbers.map(Int.init))
    }
  }
}
