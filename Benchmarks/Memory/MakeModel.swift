internal import ArgumentParser
internal import Foundation
internal import QPEFTFormats
internal import QPEFTKernels
internal import QPEFTQuantization

/// Writes random weights of a shape, shard by shard: in NF4 as bitsandbytes lays them out, or in bfloat16.
struct MakeModel: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "model", abstract: "Write a model of random weights, straight in NF4 or in bfloat16.")

  @Argument(help: "smollm2-135m, tinyllama-1.1b, llama2-7b, llama2-13b, llama-33b or llama2-70b.")
  var name: String

  @Argument(help: "Directory of the model to be.")
  var directory: String

  @Option(help: "Directory of a tokenizer to copy.")
  var tokenizer = "Tests/Fixtures/demo-model"

  @Flag(help: "Write bfloat16 instead of NF4: something to quantize.")
  var bfloat16 = false

  @Flag(help: "Write config.json alone, which is enough for a plan.")
  var configOnly = false

  func run() throws {
    let shape = try shape(name)
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    try shape.configuration(isQuantized: !bfloat16).write(
      toFile: "\(directory)/config.json", atomically: true, encoding: .utf8)
    if configOnly { return }
    for file in ["tokenizer.json", "tokenizer_config.json"] {
      try? FileManager.default.removeItem(atPath: "\(directory)/\(file)")
      try FileManager.default.copyItem(atPath: "\(tokenizer)/\(file)", toPath: "\(directory)/\(file)")
    }
    var map: [String: String] = [:]
    let groups = stride(from: 0, to: shape.blocks, by: 4).map { $0..<min($0 + 4, shape.blocks) }
    for (number, blocks) in groups.enumerated() {
      let file = "model-\(number + 1).safetensors"
      let shard = Shard(shape, blocks: blocks, isQuantized: !bfloat16)
      for plan in shard.plans { map[plan.name] = file }
      try shard.write("\(directory)/\(file)")
      print("\(file): blocks \(blocks.lowerBound) to \(blocks.upperBound - 1)")
    }
    let index = try JSONEncoder().encode(["weight_map": map])
    try index.write(to: URL(fileURLWithPath: "\(directory)/model.safetensors.index.json"))
  }
}

/// Some blocks of a model; the first shard has the embedding too, the last one norm and head.
private struct Shard {
  /// How a tensor is filled.
  private enum Content { case codes, bfloats, ones, floats([Float]), state(String) }

  private(set) var plans: [SafetensorsWriter.Plan] = []
  private var contents: [String: Content] = [:]

  init(_ shape: Shape, blocks: Range<Int>, isQuantized: Bool) {
    if blocks.lowerBound == 0 { add("model.embed_tokens.weight", [shape.vocabulary, shape.hidden], .bfloats) }
    for block in blocks {
      for (name, rows, columns) in shape.linears(ofBlock: block) {
        if isQuantized { addQuantized(name, rows, columns) } else { add(name, [rows, columns], .bfloats) }
      }
      add("model.layers.\(block).input_layernorm.weight", [shape.hidden], .ones)
      add("model.layers.\(block).post_attention_layernorm.weight", [shape.hidden], .ones)
    }
    guard blocks.upperBound == shape.blocks else { return }
    add("model.norm.weight", [shape.hidden], .ones)
    if !shape.tiesHead { add("lm_head.weight", [shape.vocabulary, shape.hidden], .bfloats) }
  }

  private mutating func add(_ name: String, _ shape: [Int], _ content: Content) {
    let type: SafetensorsType =
      switch content {
      case .codes, .state: .u8
      case .bfloats, .ones: .bf16
      case .floats: .f32
      }
    plans.append(SafetensorsWriter.Plan(name: name, type: type, shape: shape))
    contents[name] = content
  }

  /// Random codes; scales near `1 / √columns`, so that activations keep their size.
  private mutating func addQuantized(_ name: String, _ rows: Int, _ columns: Int) {
    let blocks = (rows * columns - 1) / 64 + 1
    let scale = 1 / Float(columns).squareRoot()
    add(name, [rows * columns / 2, 1], .codes)
    add(name + ".absmax", [blocks], .codes)
    add(name + ".quant_map", [16], .floats(Kernels.levels(.nf4)))
    let nested = (blocks - 1) / QuantizationScheme.nestedBlockSize + 1
    add(name + ".nested_absmax", [nested], .floats(Array(repeating: 0.2 * scale, count: nested)))
    add(name + ".nested_quant_map", [256], .floats(Kernels.dynamicMap))
    let state = QuantState(
      scheme: QuantizationScheme(), typeName: "bfloat16", shape: [rows, columns], nestedOffset: scale
    ).text
    add(name + ".quant_state.bitsandbytes__nf4", [state.utf8.count], .state(state))
  }

  func write(_ path: String) throws {
    let writer = try SafetensorsWriter(path: path, tensors: plans)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 8 << 20, alignment: 64)
    defer { buffer.deallocate() }
    for (number, plan) in plans.enumerated() {
      var numbers = RandomNumbers(seed: UInt64(number + 1))
      switch contents[plan.name] {
      case .codes, .bfloats, .ones:
        for start in stride(from: 0, to: plan.byteCount, by: buffer.count) {
          switch contents[plan.name] {
          case .codes: numbers.fill(buffer)
          case .bfloats: numbers.fillBFloats(buffer)
          default:
            for index in 0..<(buffer.count / 2) {
              buffer.storeBytes(of: 0x3F80, toByteOffset: 2 * index, as: UInt16.self)
            }
          }
          let part = UnsafeRawBufferPointer(rebasing: buffer[..<min(buffer.count, plan.byteCount - start)])
          try writer.write(plan.name, part, at: start)
        }
      case .floats(let values): try values.withUnsafeBytes { try writer.write(plan.name, $0) }
      case .state(let text): try Array(text.utf8).withUnsafeBytes { try writer.write(plan.name, $0) }
      case nil: continue
      }
    }
    try writer.finish()
  }
}
