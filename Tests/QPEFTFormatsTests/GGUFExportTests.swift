import Foundation
import QPEFTFormats
import QPEFTJSON
import QPEFTTensor
import Testing

@Suite("GGUF, written") struct GGUFExportTests {
  /// FNV-1a, 64 bits.
  private func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
    bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }

  private func conversion(_ name: String) throws -> JSONValue {
    try #require(try JSONValue(parsing: readBytes(fixture("gguf/conversion.json")))[name])
  }

  /// A number of the golden file, which may be beyond 63 bits.
  private func matches(_ value: JSONValue?, _ hash: UInt64) -> Bool {
    value?.integer.map { UInt64(bitPattern: Int64($0)) == hash } ?? (value?.number == Double(hash))
  }

  private func expectTensors(_ file: GGUFFile, _ golden: JSONValue) throws {
    let tensors = try #require(golden["tensors"]?.object)
    #expect(Set(tensors.keys) == Set(file.entries.map(\.name)))
    for (name, expected) in tensors.members {
      let entry = try #require(file.entry(name))
      #expect(entry.type.name == expected["type"]?.string, "\(name)")
      #expect(entry.shape == expected["shape"]?.array?.compactMap(\.integer), "\(name)")
      #expect(matches(expected["hash"], hash(file.bytes(entry))), "\(name)")
    }
  }

  private func text(_ value: GGUFValue) -> String { value.string ?? value.integer.map(String.init) ?? "" }

  private func expectMetadata(_ file: GGUFFile, _ golden: JSONValue, except: Set<String>) throws {
    for (key, expected) in try #require(golden["metadata"]?.object).members where !except.contains(key) {
      let value = try #require(file.metadata[key], "\(key)")
      switch expected {
      case .string(let text): #expect(value.string == text, "\(key)")
      case .bool(let flag): #expect(value.bool == flag, "\(key)")
      case .integer(let number): #expect(value.integer == number, "\(key)")
      case .number(let number): #expect(value.number.map { Float($0) } == Float(number), "\(key)")
      default:
        let list = try #require(value.list)
        #expect(list.count == expected["count"]?.integer, "\(key)")
        #expect(matches(expected["hash"], hash(list.map(text).joined(separator: "\n").utf8)), "\(key)")
      }
    }
  }

  private func export(
    _ source: String, _ storage: GGUFStorage, to path: String, template: String? = nil
  ) throws -> GGUFExportReport {
    let source = try QuantizerSource(decoding: ModelSource(path: fixture(source)))
    return try GGUFExporter(source, storage: storage, template: template).run(to: path, name: "test") { _ in }
  }

  @Test func `a model is what llama.cpp's own converter makes of it: metadata, and every byte of the tensors`() throws {
    let golden = try conversion("demo-model")
    try withTemporaryDirectory { directory in
      let path = directory + "/model.gguf"
      let settings = try JSONValue(parsing: readBytes(fixture("demo-model/tokenizer_config.json")))
      let template = settings["chat_template"]?.string
      let report = try export("demo-model", .bf16, to: path, template: template)
      let file = try GGUFFile(path: path)
      try expectTensors(file, golden)
      try expectMetadata(file, golden, except: ["general.name", "general.size_label"])
      #expect(report.bytes == (try readBytes(path)).count)
      #expect(report.fallbacks.isEmpty)
    }
  }

  @Test("what is written is read again, rows in transformers' order", arguments: GGUFStorage.allCases)
  func roundTrip(storage: GGUFStorage) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/model.gguf"
      let report = try export("demo-model", storage, to: path)
      let source = try ModelSource(path: fixture("demo-model"))
      let errors = try ModelSource(path: path).errors(against: source)
      #expect(errors.count == report.tensors.count)
      for error in errors {
        let bounds: [String: Double] = ["F32": 0, "BF16": 0, "F16": 1e-3, "Q8_0": 0.01, "Q5_0": 0.06, "Q6_K": 0.03]
        let bound = bounds[error.type] ?? 0.13
        #expect(error.relativeError <= bound, "\(error)")
        let told = report.tensors.filter { $0.type == error.type }.map(\.relativeError)
        #expect(told.contains { abs($0 - error.relativeError) < 1e-9 }, "\(error)")
      }
    }
  }

  @Test func `rows that are no whole blocks get the type that llama.cpp falls back to, and that is told`() throws {
    try withTemporaryDirectory { directory in
      let report = try export("demo-model", .q4_k_m, to: directory + "/model.gguf")
      // 128 and 384 columns: never whole blocks of 256.
      #expect(Set(report.tensors.filter { $0.shape.count == 2 }.map(\.type)) == ["Q5_0", "Q8_0"])
      #expect(report.fallbacks.allSatisfy { ["Q4_K": "Q5_0", "Q6_K": "Q8_0"][$0.wantedType ?? ""] == $0.type })
      #expect(report.fallbacks.contains { $0.name == "blk.3.ffn_down.weight" && $0.wantedType == "Q6_K" })
      #expect(report.fallbacks.contains { $0.name == "blk.0.ffn_up.weight" && $0.wantedType == "Q4_K" })
      #expect(report.tensors.first { $0.name == "token_embd.weight" }?.type == "Q8_0")
      #expect(report.tensors.filter { $0.shape.count == 1 }.allSatisfy { $0.type == "F32" })
    }
  }

  @Test func `an adapter is what llama.cpp's own converter makes of it, byte by byte`() throws {
    let golden = try conversion("tiny-llama/lora/tied-f32/final")
    let saved = try PEFTAdapterDirectory(path: fixture("tiny-llama/lora/tied-f32/final"))
    let updates = try saved.tensors.keys.filter { $0.hasSuffix(".lora_A.weight") }.sorted().map { key in
      let stem = String(key.dropLast(".lora_A.weight".count))
      return LowRankUpdate(
        module: String(stem.dropFirst("base_model.model.".count)), a: try #require(saved.tensors[key]),
        b: try #require(saved.tensors[stem + ".lora_B.weight"]), scale: 2)
    }
    let config = try #require(
      try JSONValue(parsing: readBytes(fixture("tiny-llama/tied-f32/config.json"))).object)
    try withTemporaryDirectory { directory in
      let path = directory + "/adapter.gguf"
      _ = try GGUFAdapterExporter(updates, config: config, alpha: 16).run(to: path, name: "Final")
      let file = try GGUFFile(path: path)
      try expectTensors(file, golden)
      try expectMetadata(file, golden, except: ["general.quantization_version"])

      // Another scale, as rsLoRA's, is in B: alpha over rank times B is the same update.
      let scaled = updates.map { LowRankUpdate(module: $0.module, a: $0.a, b: $0.b, scale: 6) }
      _ = try GGUFAdapterExporter(scaled, config: config, alpha: 16).run(to: path, name: "Final")
      let other = try GGUFFile(path: path)
      for entry in file.entries where entry.name.hasSuffix(".lora_b") {
        let (a, b) = (file.decoded(entry), other.decoded(try #require(other.entry(entry.name))))
        #expect(b == 3 * a)
      }
    }
  }

  @Test func `an adapter on something that llama.cpp has no place for is refused`() throws {
    let update = LowRankUpdate(module: "lm_tail", a: .zeros([1, 4]), b: .zeros([4, 1]), scale: 1)
    let config = try #require(try JSONValue(parsing: readBytes(fixture("demo-model/config.json"))).object)
    #expect(throws: GGUFExportError.adapter(tensor: "lm_tail", problem: "has no place in a llama of llama.cpp")) {
      try GGUFAdapterExporter([update], config: config, alpha: 1).run(to: "/nowhere/adapter.gguf", name: "")
    }
  }

  @Test func `scaled rotations come back as they were`() throws {
    for name in ["rope-llama3", "rope-linear"] {
      var source = try QuantizerSource(decoding: ModelSource(path: fixture("tiny-llama/" + name)))
      for file in ["tokenizer.json", "tokenizer_config.json"] {
        source.files.append((file, .copy(path: fixture("demo-model/" + file))))
      }
      source.config["vocab_size"] = 640
      let wanted = JSONValue.object(source.config)
      try withTemporaryDirectory { directory in
        let path = directory + "/model.gguf"
        _ = try GGUFExporter(source, storage: .f32, template: nil).run(to: path, name: name) { _ in }
        let config = try GGUFLlama(GGUFFile(path: path)).config
        let found = try #require(config["rope_scaling"])
        let rope = wanted["rope_scaling"] ?? wanted["rope_parameters"]
        #expect(found["rope_type"]?.string == rope?["rope_type"]?.string)
        #expect(found["factor"]?.number == rope?["factor"]?.number)
        let theta = wanted["rope_theta"] ?? rope?["rope_theta"]
        #expect(config["rope_theta"]?.number == theta?.number)
        guard name == "rope-linear" else { return }
        // llama.cpp takes a factor whose type is not said for a linear one.
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let key = try #require(bytes.range(of: Data("llama.rope.scaling.type".utf8)))
        var untyped = bytes
        untyped.replaceSubrange(key, with: Data("llama.rope.scaling.typo".utf8))
        try untyped.write(to: URL(fileURLWithPath: path))
        #expect(try GGUFLlama(GGUFFile(path: path)).config["rope_scaling"] == found)
      }
    }
  }

  @Test func `models, tokenizers and weights that llama.cpp would read differently are refused`() throws {
    func refuse(_ change: (inout QuantizerSource) -> Void, _ expected: (GGUFExportError) -> Bool) throws {
      var source = try QuantizerSource(decoding: ModelSource(path: fixture("demo-model")))
      change(&source)
      do {
        try withTemporaryDirectory {
          _ = try GGUFExporter(source, storage: .q8_0, template: nil).run(to: $0 + "/m.gguf", name: "") { _ in }
        }
        Issue.record("nothing was thrown")
      } catch let error as GGUFExportError { #expect(expected(error), "\(error)") }
    }
    func tokenizer(_ old: String, _ new: String) throws -> (inout QuantizerSource) -> Void {
      let text = String(decoding: try readBytes(fixture("demo-model/tokenizer.json")), as: UTF8.self)
      let changed = text.replacing(old, with: new)
      #expect(changed != text)
      return { $0.files = $0.files.map { $0.name == "tokenizer.json" ? ($0.name, .bytes(Array(changed.utf8))) : $0 } }
    }
    try refuse({ $0.config["architectures"] = ["GPT2LMHeadModel"] }) {
      if case .architecture("GPT2LMHeadModel", _) = $0 { true } else { false }
    }
    try refuse({ $0.config["rope_scaling"] = ["rope_type": "yarn", "factor": 2] }) {
      if case .configuration("rope_scaling", _) = $0 { true } else { false }
    }
    try refuse({ $0.config["vocab_size"] = 100 }) { if case .tokenizer = $0 { true } else { false } }
    try refuse(try tokenizer("\"individual_digits\"", "\"other\"")) { if case .tokenizer = $0 { true } else { false } }
    try refuse({ source in
      let nothing = SourceWeight(
        ComputedWeight(
          name: "model.norm.weight", shape: [4], type: .f32, byteCount: 16,
          decode: { y, _ in
            y.update(repeating: .nan)
          }))
      source.weights = source.weights.map { $0.name == nothing.name ? nothing : $0 }
    }) { $0 == .notFinite(tensor: "model.norm.weight") }
    try refuse({ source in
      source.weights.append(
        SourceWeight(ComputedWeight(name: "extra.weight", shape: [4], type: .f32, byteCount: 16, decode: { _, _ in })))
    }) { if case .tensor("extra.weight", _) = $0 { true } else { false } }
  }

  @Test func `numbers beyond the range of a type are refused, never written as infinity or NaN`() throws {
    let name = "model.layers.0.mlp.up_proj.weight"
    func export(_ largest: Float, _ storage: GGUFStorage) throws {
      var source = try QuantizerSource(decoding: ModelSource(path: fixture("demo-model")))
      source.weights = source.weights.map { weight in
        guard weight.name == name else { return weight }
        return SourceWeight(
          ComputedWeight(
            name: name, shape: weight.shape, type: .f32, byteCount: weight.byteCount,
            decode: { y, _ in
              for i in y.indices { y[i] = i % 2 == 0 ? largest : -1 }
            }))
      }
      try withTemporaryDirectory {
        _ = try GGUFExporter(source, storage: storage, template: nil).run(to: $0 + "/m.gguf", name: "") { _ in }
      }
    }
    for storage in GGUFStorage.allCases where storage != .f32 {
      do {
        try export(.greatestFiniteMagnitude, storage)
        Issue.record("\(storage) was written")
      } catch let error as GGUFExportError {
        guard case .tooLarge(name, let type) = error else { throw error }
        #expect(error.remedy == (type == "BF16" ? "export with --type f32" : "export with --type bf16 or f32"))
      }
    }
    #expect(throws: GGUFExportError.tooLarge(tensor: name, type: "F16")) { try export(65520, .f16) }
    #expect(throws: GGUFExportError.tooLarge(tensor: name, type: "Q8_0")) { try export(65520 * 127, .q8_0) }
    try export(65519, .f16)
    try export(65519 * 127, .q8_0)
    try export(0x1p127, .bf16)
    try export(.greatestFiniteMagnitude, .f32)
  }

  @Test func `a sentence-piece vocabulary has scores that join what the merges join`() throws {
    let tokenizer: JSONValue = [
      "normalizer": [
        "type": "Sequence",
        "normalizers": [
          ["type": "Prepend", "prepend": "▁"],
          ["type": "Replace", "pattern": ["String": " "], "content": "▁"],
        ],
      ],
      "added_tokens": [
        ["id": 0, "content": "<unk>", "special": true], ["id": 1, "content": "<s>", "special": true],
        ["id": 2, "content": "</s>", "special": true],
      ],
      "post_processor": [
        "type": "TemplateProcessing", "single": [["SpecialToken": ["id": "<s>"]], ["Sequence": ["id": "A"]]],
      ],
      "model": [
        "type": "BPE", "byte_fallback": true, "unk_token": "<unk>",
        "vocab": ["<unk>": 0, "<s>": 1, "</s>": 2, "<0x0A>": 3, "▁": 4, "a": 5, "b": 6, "ab": 7, "▁ab": 8],
        "merges": [["a", "b"], ["▁", "ab"]],
      ],
    ]
    let vocabulary = try GGUFVocabulary(
      tokenizer: tokenizer, settings: ["bos_token": "<s>", "eos_token": ["content": "</s>"]], generation: .null,
      config: [:], size: 10, template: "T")
    var found: [String: GGUFWriter.Value] = [:]
    for (key, value) in vocabulary.metadata { found[String(key.dropFirst("tokenizer.".count))] = value }
    guard case .floats(let scores) = found["ggml.scores"], case .integers(let kinds) = found["ggml.token_type"],
      case .texts(let tokens) = found["ggml.tokens"], case .bool(true) = found["ggml.add_space_prefix"],
      case .bool(true) = found["ggml.add_bos_token"], case .bool(false) = found["ggml.add_eos_token"],
      case .unsigned(2) = found["ggml.eos_token_id"], case .unsigned(1) = found["ggml.bos_token_id"]
    else {
      Issue.record("\(found)")
      return
    }
    #expect(kinds == [2, 3, 3, 6, 1, 1, 1, 1, 1, 5])
    #expect(scores[7] == 0 && scores[8] == -1 && scores[5] < scores[8])
    #expect(tokens[8] == Array("▁ab".utf8) && tokens[9] == Array("[PAD9]".utf8))
  }

  @Test func `a file that cannot be written whole leaves nothing`() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/model.gguf"
      let source = try QuantizerSource(decoding: ModelSource(path: fixture("demo-model")))
      struct Stop: Error {}
      #expect(throws: Stop.self) {
        try GGUFExporter(source, storage: .f16, template: nil).run(to: path, name: "") { progress in
          if progress.bytesDone > progress.bytesTotal / 2 { throw Stop() }
        }
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
    }
  }

  @Test func `a disk that is too small for the file is told before anything is written`() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/model.gguf"
      do {
        _ = try GGUFWriter(
          path: path, metadata: [], tensors: [.init(name: "x", type: .f32, shape: [1 << 20, 1 << 38])])
        Issue.record("written")
      } catch FileError.notEnoughSpace(path, needed: let needed, available: let available) {
        #expect(needed > 1 << 60 && available < needed)
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
    }
  }
}
