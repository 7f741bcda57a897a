import Foundation
import QPEFTFormats
import QPEFTJSON
import QPEFTKernels
import QPEFTQuantization
import QPEFTTensor
import Testing

@Suite("GGUF") struct GGUFTests {
  @Test func `metadata of every type are read`() throws {
    let gguf = try GGUFFile(path: fixture("gguf/types.gguf"))
    func value(_ name: String) -> GGUFValue? { gguf.metadata["test.\(name)"] }
    #expect(value("uint8") == .unsigned(200) && value("int8") == .signed(-100))
    #expect(value("uint16") == .unsigned(60000) && value("int16") == .signed(-30000))
    #expect(value("uint32") == .unsigned(4_000_000_000) && value("int32") == .signed(-2_000_000_000))
    #expect(value("uint64") == .unsigned(1 << 63 + 1) && value("int64") == .signed(-(1 << 62)))
    #expect(value("uint64")?.integer == nil)
    #expect(value("float32")?.number == 1e-5 && value("float64")?.number == 0.1)
    #expect(value("bool")?.bool == true && value("string")?.string == "grün 🌱")
    #expect(value("strings")?.list?.compactMap(\.string) == ["a", "", "Ġb"])
    #expect(value("integers")?.list?.compactMap(\.integer) == [1, -2, 3])
  }

  @Test(
    "every type decodes to the bits that the gguf package gives",
    arguments: GGUFType.allCases.map { $0.name.lowercased() })
  func decodes(_ type: String) throws {
    let gguf = try GGUFFile(path: fixture("gguf/types.gguf"))
    let entry = try #require(gguf.entry(type))
    let expected = try #require(decodedTensors(fixture("gguf/types-decoded.safetensors"))[type])
    #expect(entry.type.name.lowercased() == type)
    #expect(gguf.decoded(entry).shape == expected.shape)
    #expect(bits(gguf.decoded(entry)) == bits(expected))
  }

  @Test func `a model in parts is the model in one file`() throws {
    let whole = try GGUFFile(path: fixture("gguf/tiny-llama.gguf"))
    let parts = try GGUFFile(path: fixture("gguf/tiny-llama-split-00001-of-00003.gguf"))
    #expect(parts.files.count == 3 && Set(parts.entries.map(\.part)) == [0, 1, 2])
    #expect(Set(parts.entries.map(\.name)) == Set(whole.entries.map(\.name)))
    for entry in whole.entries {
      let other = try #require(parts.entry(entry.name))
      #expect(other.type == entry.type && other.shape == entry.shape)
      #expect(Array(parts.bytes(other)) == Array(whole.bytes(entry)), "\(entry.name)")
    }
    #expect(whole.metadata.allSatisfy { parts.metadata[$0.key] == $0.value })
    try withTemporaryDirectory { path in
      let report = try CheckpointQuantizer(source: parts.path, output: path + "/out").run()
      #expect(report.layers.count == 14)
    }
  }

  @Test func `weights of a GGUF are read where they lie, under Hugging Face names, q and k in transformers' order`()
    throws
  {
    let model = try GGUFModel(path: fixture("gguf/tiny-llama.gguf"))
    let expected = try decodedTensors(fixture("gguf/tiny-llama-decoded.safetensors"))
    #expect(model.tensorNames == expected.keys.sorted())
    for (name, tensor) in expected {
      #expect(model.contains(name))
      #expect(try bits(model.vector(named: name)) == bits(tensor), "\(name)")
      guard tensor.shape.rank == 2 else { continue }
      let matrix = try #require(try model.frozenMatrix(named: name) as? GGUFMatrix)
      #expect(matrix.rows == tensor.shape[0] && matrix.columns == tensor.shape[1])
      #expect(bits(matrix.rows((0..<Int32(matrix.rows)).reversed())) == bits(tensor.reversedRows()), "\(name)")
      let file = model.gguf.files[0].bytes
      let start = try #require(file.baseAddress)
      #expect((start..<(start + file.count)).contains(try #require(matrix.view.valuesAddress)))
    }
    #expect(throws: GGUFError.self) { try model.vector(named: "model.layers.2.input_layernorm.weight") }
    #expect(throws: GGUFError.self) { try model.frozenMatrix(named: "model.norm.weight") }
  }

  @Test func `a tiny llama comes out under Hugging Face names with q and k in transformers' order`() throws {
    try withTemporaryDirectory { path in
      let report = try CheckpointQuantizer(
        source: fixture("gguf/tiny-llama.gguf"), output: path + "/out", keptType: .f32
      ).run()
      #expect(report.layers.count == 14 && report.kept.count == 6)
      let expected = try decodedTensors(fixture("gguf/tiny-llama-decoded.safetensors"))
      let ours = try HuggingFaceDirectory(path: path + "/out")
      for (name, tensor) in expected {
        if report.layers.contains(where: { $0.name == name }) {
          // The same codes as those of the expected numbers quantized in memory.
          let matrix = try ours.frozenMatrix(named: name)
          let ids = (0..<Int32(tensor.shape[0])).map { $0 }
          #expect(matrix.storageName == "nf4")
          #expect(try bits(matrix.rows(ids)) == bits(quantizedInMemory(tensor)), "\(name)")
        } else {
          #expect(try bits(ours.vector(named: name)) == bits(tensor), "\(name)")
        }
      }
      let config = ours.config
      #expect(config["architectures"] == ["LlamaForCausalLM"] && config["model_type"] == "llama")
      #expect(config["hidden_size"] == 64 && config["intermediate_size"] == 96 && config["head_dim"] == 16)
      #expect(config["num_hidden_layers"] == 2 && config["vocab_size"] == 265)
      #expect(config["num_attention_heads"] == 4 && config["num_key_value_heads"] == 2)
      #expect(config["rms_norm_eps"] == .number(1e-5) && config["rope_theta"] == .number(100_000))
      #expect(config["tie_word_embeddings"] == true && config["max_position_embeddings"] == 256)
      #expect(config["bos_token_id"] == 1 && config["eos_token_id"] == 2 && config["torch_dtype"] == "float32")
    }
  }

  @Test func `kept blocks of GGUF become float16, and the tokenizer has its digit splitting`() throws {
    try withTemporaryDirectory { path in
      _ = try CheckpointQuantizer(source: fixture("gguf/tiny-llama.gguf"), output: path + "/out").run()
      let ours = try HuggingFaceDirectory(path: path + "/out")
      #expect(try ours.tensor(named: "model.embed_tokens.weight").type == .f16)
      // One type for all: transformers refuses to multiply a mixture.
      #expect(try ours.tensor(named: "model.norm.weight").type == .f16)
      #expect(ours.config["torch_dtype"] == "float16")
      let exact = try #require(
        decodedTensors(fixture("gguf/tiny-llama-decoded.safetensors"))["model.embed_tokens.weight"])
      let stored = try ours.vector(named: "model.embed_tokens.weight").elements
      for (a, b) in zip(stored, exact.elements) { #expect(abs(a - b) <= abs(b) / 2048 + 0x1p-25) }

      let tokenizer = try JSONValue(parsing: readBytes(path + "/out/tokenizer.json"))
      let steps: JSONValue = [
        "type": "Sequence",
        "pretokenizers": [
          ["type": "Digits", "individual_digits": true],
          ["type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true],
        ],
      ]
      #expect(tokenizer["pre_tokenizer"] == steps)
      #expect(
        tokenizer["added_tokens"]?.array?.compactMap { $0["content"]?.string } == [
          "<|end|>", "<|im_start|>", "<|im_end|>",
        ])
      #expect(tokenizer["model"]?["vocab"]?["hello"]?.integer == 262)
      #expect(tokenizer["model"]?["vocab"]?["<pad0>"] == nil)
      #expect(tokenizer["model"]?["merges"]?.array?.compactMap(\.string) == ["h e", "l l", "he ll", "hell o", "Ġ w"])
      let configuration = try JSONValue(parsing: readBytes(path + "/out/tokenizer_config.json"))
      #expect(configuration["eos_token"] == "<|im_end|>" && configuration["bos_token"] == "<|im_start|>")
      #expect(configuration["chat_template"]?.string?.contains("<|im_start|>") == true)
      let generation = try JSONValue(parsing: readBytes(path + "/out/generation_config.json"))
      #expect(generation["eos_token_id"] == 2)
    }
  }

  @Test func `Llama 3's rope scaling is recognised by its factors, and others are refused`() throws {
    let config = try GGUFLlama(GGUFFile(path: fixture("gguf/rope-llama3.gguf"))).config
    let scaling: JSONValue = [
      "rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
      "original_max_position_embeddings": 8192,
    ]
    #expect(config["rope_scaling"] == scaling)
    #expect(config["tie_word_embeddings"] == false && config["num_key_value_heads"] == 1 && config["head_dim"] == 64)
    #expect(throws: GGUFError.self) { try GGUFLlama(GGUFFile(path: fixture("gguf/rope-unknown.gguf"))) }
  }

  @Test func `pre-tokenizers that are known have distinct names; others are refused`() {
    #expect(Set(GGUFPreTokenizer.names).count == GGUFPreTokenizer.names.count)
    for name in GGUFPreTokenizer.names { #expect(GGUFPreTokenizer(name) != nil) }
    #expect(GGUFPreTokenizer("default") == nil)
  }

  @Test func `two files of any architecture are compared tensor by tensor`() throws {
    let path = fixture("gguf/types.gguf")
    let file = try GGUFFile(path: path)
    #expect(throws: GGUFError.self) { try ModelSource(path: path) }
    let same = try file.errors(against: file)
    #expect(same.map(\.name) == file.entries.map(\.name))
    #expect(same.allSatisfy { $0.largestError == 0 })

    let changed = try #require(file.entries.first { $0.type == .f32 })
    var bytes = try readBytes(path)
    bytes[changed.range.lowerBound + 3] ^= 0x80
    try withTemporaryDirectory { directory in
      try write(bytes, to: directory + "/x.gguf")
      let errors = try file.errors(against: GGUFFile(path: directory + "/x.gguf"))
      #expect(errors.filter { $0.largestError > 0 }.map(\.name) == [changed.name])
    }
    #expect(throws: CheckpointError.self) { try file.errors(against: GGUFFile(path: fixture("gguf/tiny-llama.gguf"))) }
  }
}

/// What a matrix decodes to after quantization in memory.
private func quantizedInMemory(_ tensor: Tensor) throws -> Tensor {
  try Quantized4BitMatrix(quantizing: tensor).decoded()
}

extension Tensor {
  /// The rows of a matrix, the last first.
  fileprivate func reversedRows() -> Tensor {
    var result = Tensor(uninitialized: shape)
    let columns = shape[1], source = elements
    result.withMutableElements { target in
      for row in 0..<shape[0] {
        for column in 0..<columns {
          target[row * columns + column] = source[(shape[0] - 1 - row) * columns + column]
        }
      }
    }
    return result
  }
}
