import Foundation
import QPEFTFormats
import QPEFTJSON
import QPEFTTensor
import Testing

@Suite("PEFT adapters") struct PEFTAdapterTests {
  @Test func `an adapter that PEFT wrote is read and written again, tensor by tensor`() throws {
    let theirs = try PEFTAdapterDirectory(path: fixture("tiny-llama/lora/tied-f32/initial"))
    #expect(theirs.config.rank == 8 && theirs.config.alpha == 16 && theirs.config.method == "LORA")
    #expect(theirs.config.otherKeys.isEmpty)
    #expect(
      theirs.config.targets == .names(["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]))
    try withTemporaryDirectory { path in
      try theirs.write(to: path + "/new")
      let ours = try PEFTAdapterDirectory(path: path + "/new")
      #expect(ours.config == theirs.config && ours.tensors == theirs.tensors)
      #expect(try SafetensorsFile(path: path + "/new/adapter_model.safetensors").metadata == ["format": "pt"])
      #expect(try FileManager.default.contentsOfDirectory(atPath: path + "/new").count == 2)
    }
  }

  @Test func `the configuration has PEFT's keys, sorted, as json.dumps writes them`() throws {
    var config = PEFTAdapterConfig(rank: 16, alpha: 32, targets: .pattern("all-linear"))
    config.baseModel = "some/model"
    config.dropout = 0.05
    let text = String(decoding: config.text, as: UTF8.self)
    #expect(
      text.hasPrefix(
        "{\n  \"alpha_pattern\": {},\n  \"auto_mapping\": null,\n  \"base_model_name_or_path\": \"some/model\",\n"))
    #expect(text.contains("\n  \"lora_alpha\": 32,\n") && text.contains("\n  \"lora_dropout\": 0.05,\n"))
    #expect(text.hasSuffix("\n  \"use_rslora\": false\n}"))
    let written = try JSONValue(parsing: text).object?.keys ?? []
    let theirs = try JSONValue(parsing: readBytes(fixture("tiny-llama/lora/tied-f32/initial/adapter_config.json")))
    let unknown = Set(written).subtracting(theirs.object?.keys ?? [])
    #expect(unknown.isEmpty)
    #expect(try PEFTAdapterConfig(parsing: config.text, path: "x") == config)
  }

  @Test func `very many patterns are read and written in a time that grows with their number`() throws {
    let ranks = (0..<40_000).map { "\"layer\($0)\":\($0 % 7 + 1)" }.joined(separator: ",")
    let text = #"{"peft_type":"LORA","rank_pattern":{\#(ranks)}}"#
    let config = try PEFTAdapterConfig(parsing: Array(text.utf8), path: "x")
    #expect(config.ranks.count == 40_000 && config.ranks["layer6"] == 7)
    #expect(try PEFTAdapterConfig(parsing: config.text, path: "x") == config)
  }

  @Test func `unknown keys are tolerated and told`() throws {
    let text =
      #"{"peft_type":"LORA","r":4,"lora_alpha":8,"use_qalora":true,"new":null,"newer":3,"init_lora_weights":"pissa"}"#
    let config = try PEFTAdapterConfig(parsing: Array(text.utf8), path: "x")
    #expect(config.otherKeys == ["use_qalora", "newer", "init_lora_weights"])
  }

  @Test(
    "settings of a wrong type are errors that name them",
    arguments: [
      #"{"r":4}"#, #"{"peft_type":3}"#, #"{"peft_type":"LORA","r":"4"}"#, #"{"peft_type":"LORA","lora_dropout":[]}"#,
      #"{"peft_type":"LORA","target_modules":[1]}"#, #"{"peft_type":"LORA","use_dora":1}"#, "[]", "{",
      #"{"peft_type":"LORA","rank_pattern":{"a":"b"}}"#,
    ])
  func wrongTypes(_ text: String) {
    #expect(throws: PEFTAdapterError.self) { try PEFTAdapterConfig(parsing: Array(text.utf8), path: "x") }
  }

  @Test func `missing files are named with a remedy`() throws {
    try withTemporaryDirectory { path in
      #expect(throws: PEFTAdapterError.self) { try PEFTAdapterDirectory(path: path) }
      try write(#"{"peft_type":"LORA"}"#, to: path + "/adapter_config.json")
      do {
        _ = try PEFTAdapterDirectory(path: path)
        Issue.record("read")
      } catch let error as PEFTAdapterError {
        #expect(error.description.contains("adapter_model.safetensors") && error.remedy.contains("bin"))
      }
    }
  }
}

@Suite("16-bit numbers") struct HalfFloatTests {
  @Test func `every float16 and bfloat16 survives the way through float32`() {
    for bits in UInt16.min...UInt16.max {
      let half = HalfFloat.float(half: bits), brain = HalfFloat.float(bfloat: bits)
      #expect(half.isNaN ? HalfFloat.float(half: HalfFloat.half(half)).isNaN : HalfFloat.half(half) == bits)
      #expect(brain.isNaN ? HalfFloat.float(bfloat: HalfFloat.bfloat(brain)).isNaN : HalfFloat.bfloat(brain) == bits)
    }
  }

  @Test func `numbers between two of 16 bits go to the nearer one, ties to the even one`() {
    for bits in stride(from: UInt16(0), to: 0x7BFF, by: 1) {
      let low = HalfFloat.float(half: bits), high = HalfFloat.float(half: bits + 1)
      let middle = (low + high) / 2
      #expect(HalfFloat.half(middle) == bits + bits % 2)
      #expect(HalfFloat.half(middle.nextUp) == bits + 1 && HalfFloat.half(middle.nextDown) == bits)
    }
    #expect(HalfFloat.half(65519.996) == 0x7BFF && HalfFloat.half(65520) == 0x7C00 && HalfFloat.half(-1e9) == 0xFC00)
    #expect(HalfFloat.bfloat(1 + 0x1p-8) == 0x3F80 && HalfFloat.bfloat(1 + 3 * 0x1p-8) == 0x3F82)
  }
}
