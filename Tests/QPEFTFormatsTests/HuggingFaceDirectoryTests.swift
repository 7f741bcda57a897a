import Foundation
import QPEFTFormats
import QPEFTJSON
import QPEFTTensor
import Testing

@Suite("Hugging Face directories") struct HuggingFaceDirectoryTests {
  @Test func `a single file is opened: config, names, matrices in place, vectors as float32`() throws {
    let directory = try HuggingFaceDirectory(path: fixture("tiny-llama/untied-bf16-bias"))
    #expect(directory.config["hidden_size"]?.integer == 64)
    let matrix = try directory.frozenMatrix(named: "model.layers.0.self_attn.q_proj.weight")
    #expect(matrix.rows == 96 && matrix.columns == 64 && matrix.storageName == "bf16")
    #expect(try directory.vector(named: "model.norm.weight").shape == [64])
    #expect(directory.contains("lm_head.weight") && !directory.contains("nope"))
  }

  @Test(
    "bitsandbytes' 4-bit checkpoints decode to the numbers they were made from, within the step of a code",
    arguments: [
      ("tied-f32", "tied-f32-nf4dq"), ("tied-f32", "tied-f32-fp4"), ("untied-bf16-bias", "untied-bf16-bias-nf4dq"),
    ])
  func fourBit(_ source: String, _ quantized: String) throws {
    let dense = try HuggingFaceDirectory(path: fixture("tiny-llama/\(source)"))
    let packed = try HuggingFaceDirectory(path: fixture("tiny-llama/\(quantized)"))
    let name = "model.layers.1.mlp.down_proj.weight"
    let matrix = try packed.frozenMatrix(named: name)
    let expected = try dense.frozenMatrix(named: name)
    #expect(matrix.rows == expected.rows && matrix.columns == expected.columns)
    #expect(["nf4", "fp4"].contains(matrix.storageName))
    let ids = (0..<Int32(matrix.rows)).map { $0 }
    let a = matrix.rows(ids).elements, b = expected.rows(ids).elements
    let error = zip(a, b).reduce(Float(0)) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    let norm = b.reduce(Float(0)) { $0 + $1 * $1 }
    #expect((error / norm).squareRoot() < 0.15)
    #expect(try packed.frozenMatrix(named: "model.embed_tokens.weight").storageName == expected.storageName)
  }

  /// Writes a directory of two shards and gives its path.
  private func sharded(_ directory: String, index: String) throws {
    try write(#"{"model_type":"llama"}"#, to: directory + "/config.json")
    for (number, name) in ["a", "b"].enumerated() {
      try write(
        safetensors(header: #"{"\#(name)":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#, data: 2),
        to: directory + "/model-0000\(number + 1)-of-00002.safetensors")
    }
    try write(index, to: directory + "/model.safetensors.index.json")
  }

  private func map(_ a: String, _ b: String) -> String { #"{"weight_map":{"a":"\#(a)","b":"\#(b)"}}"# }

  @Test func `shards are found by their index`() throws {
    try withTemporaryDirectory { path in
      try sharded(path, index: map("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"))
      let directory = try HuggingFaceDirectory(path: path)
      #expect(directory.tensorNames == ["a", "b"])
      #expect(try Array(directory.tensor(named: "b").bytes) == [7, 7])
    }
  }

  @Test(
    "a shard name that leaves the directory is refused",
    arguments: ["../evil.safetensors", "/etc/passwd", "a/../../b", "", "./x", "a//b", "..", "a\\\\b", "x\\u0000"])
  func unsafeShard(_ name: String) throws {
    try withTemporaryDirectory { path in
      try sharded(path, index: map(name, "model-00002-of-00002.safetensors"))
      do {
        _ = try HuggingFaceDirectory(path: path)
        Issue.record("opened")
      } catch let error as CheckpointError {
        guard case .unsafeShardName = error else {
          Issue.record("\(error)")
          return
        }
      }
    }
  }

  @Test func `a shard that is a link may lead to the blobs of the cache, and nowhere else outside`() throws {
    let shard = "model-00001-of-00002.safetensors"
    let index = map(shard, "model-00002-of-00002.safetensors")
    for (place, isInside) in [("blobs", true), ("elsewhere", false), ("snapshots/0", true), ("snapshots/1", false)] {
      try withTemporaryDirectory { root in
        let snapshot = root + "/snapshots/0"
        for name in [snapshot, "\(root)/\(place)"] {
          try FileManager.default.createDirectory(atPath: name, withIntermediateDirectories: true)
        }
        try sharded(snapshot, index: index)
        let target = "\(root)/\(place)/moved"
        try FileManager.default.moveItem(atPath: "\(snapshot)/\(shard)", toPath: target)
        try FileManager.default.createSymbolicLink(
          atPath: "\(snapshot)/\(shard)", withDestinationPath: "../../\(place)/moved")
        var found: CheckpointError?
        do { _ = try HuggingFaceDirectory(path: snapshot) } catch let error as CheckpointError { found = error }
        #expect(found == (isInside ? nil : .linkOut(path: "\(snapshot)/\(shard)")), "\(place)")
      }
    }
  }

  @Test(
    "no file of a directory may be a link out of it",
    arguments: ["config.json", "model.safetensors", "tokenizer.json", "generation_config.json", "chat_template.jinja"])
  func links(name: String) throws {
    try withTemporaryDirectory { root in
      let model = root + "/model"
      try FileManager.default.copyItem(atPath: fixture("demo-model"), toPath: model)
      #expect(throws: Never.self) { try HuggingFaceDirectory(path: model) }
      if FileManager.default.fileExists(atPath: "\(model)/\(name)") {
        try FileManager.default.moveItem(atPath: "\(model)/\(name)", toPath: root + "/outside")
      } else {
        try write("{}", to: root + "/outside")
      }
      try FileManager.default.createSymbolicLink(atPath: "\(model)/\(name)", withDestinationPath: "../outside")
      #expect(throws: CheckpointError.linkOut(path: "\(model)/\(name)")) { try HuggingFaceDirectory(path: model) }
      #expect(throws: CheckpointError.linkOut(path: "\(model)/\(name)")) {
        try CheckpointQuantizer(source: model, output: root + "/out").run()
      }
    }
  }

  @Test func `a missing shard is named with a remedy`() throws {
    try withTemporaryDirectory { path in
      try sharded(path, index: map("model-00001-of-00002.safetensors", "model-00003-of-00003.safetensors"))
      do {
        _ = try HuggingFaceDirectory(path: path)
        Issue.record("opened")
      } catch let error as CheckpointError {
        #expect(error.description.contains("model-00003-of-00003.safetensors") && error.remedy.contains("download"))
      }
    }
  }

  @Test func `an index that names a tensor its shard does not have is refused`() throws {
    try withTemporaryDirectory { path in
      try sharded(path, index: map("model-00002-of-00002.safetensors", "model-00002-of-00002.safetensors"))
      #expect(throws: CheckpointError.self) { try HuggingFaceDirectory(path: path) }
    }
  }

  @Test func `what is missing is said: the directory, the config, the weights`() throws {
    try withTemporaryDirectory { path in
      #expect(throws: CheckpointError.notADirectory(path: path + "/x")) { try HuggingFaceDirectory(path: path + "/x") }
      #expect(throws: CheckpointError.self) { try HuggingFaceDirectory(path: path) }
      try write("{}", to: path + "/config.json")
      #expect(throws: CheckpointError.self) { try HuggingFaceDirectory(path: path) }
      try write("[1]", to: path + "/config.json")
      #expect(throws: CheckpointError.json(path: path + "/config.json", problem: "is not a JSON object")) {
        try HuggingFaceDirectory(path: path)
      }
    }
  }

  /// A copy of a golden 4-bit tensor's parts, one of them changed.
  private func tampered(_ change: (inout [String: [UInt8]], inout [String: [Int]]) -> Void) throws -> (any Error)? {
    let golden = try SafetensorsFile(path: fixture("tiny-llama/tied-f32-nf4dq/model.safetensors"))
    let name = "model.layers.0.self_attn.k_proj.weight"
    var bytes: [String: [UInt8]] = [:], shapes: [String: [Int]] = [:], types: [String: SafetensorsType] = [:]
    for entry in golden.entries where entry.name.hasPrefix(name) {
      bytes[entry.name] = Array(golden.bytes(entry))
      shapes[entry.name] = entry.shape
      types[entry.name] = entry.type
    }
    change(&bytes, &shapes)
    return try withTemporaryDirectory { path in
      try write("{}", to: path + "/config.json")
      let writer = try SafetensorsWriter(
        path: path + "/model.safetensors",
        tensors: bytes.keys.map { .init(name: $0, type: types[$0] ?? .u8, shape: shapes[$0] ?? []) })
      for (name, bytes) in bytes { try bytes.withUnsafeBytes { try writer.write(name, $0) } }
      try writer.finish()
      let directory = try HuggingFaceDirectory(path: path)
      do {
        _ = try directory.frozenMatrix(named: name)
        return nil
      } catch { return error }
    }
  }

  @Test func `codes stored as bfloat16, and parts at odd places, decode to the same numbers`() throws {
    let golden = try SafetensorsFile(path: fixture("tiny-llama/tied-f32-nf4dq/model.safetensors"))
    let name = "model.layers.0.self_attn.k_proj.weight"
    let expected = try HuggingFaceDirectory(path: fixture("tiny-llama/tied-f32-nf4dq")).frozenMatrix(named: name)
    var header: JSONObject = ["a": ["dtype": "U8", "shape": [1], "data_offsets": [0, 1]]]
    var data: [UInt8] = [0]
    for entry in golden.entries where entry.name.hasPrefix(name) {
      let bytes = golden.bytes(entry)
      let isCodes = entry.name == name
      header[entry.name] = [
        "dtype": .string(isCodes ? "BF16" : entry.type.rawValue),
        "shape": isCodes ? [.integer(bytes.count / 2), 1] : .array(entry.shape.map { .integer($0) }),
        "data_offsets": [.integer(data.count), .integer(data.count + bytes.count)],
      ]
      data += bytes
    }
    try withTemporaryDirectory { path in
      try write("{}", to: path + "/config.json")
      let start = safetensors(header: JSONValue.object(header).text(.compact), data: 0)
      try write(start + data, to: path + "/model.safetensors")
      let matrix = try HuggingFaceDirectory(path: path).frozenMatrix(named: name)
      let ids = (0..<Int32(expected.rows)).map { $0 }
      #expect(bits(matrix.rows(ids)) == bits(expected.rows(ids)))
    }
  }

  @Test func `a quantized weight whose parts do not fit is refused`() throws {
    let name = "model.layers.0.self_attn.k_proj.weight"
    let state = name + ".quant_state.bitsandbytes__nf4"
    #expect(try tampered { _, _ in } == nil)
    for part in [".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map"] {
      let error = try tampered { bytes, _ in bytes[name + part] = nil }
      #expect(error is CheckpointError, "\(part) missing")
    }
    for text in [
      "", "{}", #"{"quant_type":"nf5"}"#,
      #"{"quant_type":"nf4","blocksize":0,"dtype":"float32","shape":[32,64]}"#,
      #"{"quant_type":"nf4","blocksize":64,"dtype":"float32","shape":[4294967296,4294967296]}"#,
      #"{"quant_type":"nf4","blocksize":64,"dtype":"float32","shape":[-32,64]}"#,
      #"{"quant_type":"nf4","blocksize":64,"dtype":"float32","shape":[3200,64]}"#,
      #"{"quant_type":"nf4","blocksize":64,"dtype":"float32","shape":[32,64]}"#,
      #"{"quant_type":"nf4","blocksize":64,"dtype":"float32","shape":[32,64],"nested_blocksize":0,"nested_offset":1,"nested_dtype":"float32"}"#,
      #"{"quant_type":"fp4","blocksize":64,"dtype":"float32","shape":[32,64],"nested_blocksize":256,"nested_offset":1,"nested_dtype":"float32"}"#,
    ] {
      let error = try tampered { bytes, shapes in
        bytes[state] = Array(text.utf8)
        shapes[state] = [text.utf8.count]
      }
      #expect(error is CheckpointError, "\(text)")
    }
  }
}
