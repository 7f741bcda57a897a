internal import QPEFTJSON
internal import QPEFTQuantization
internal import QPEFTTensor

extension QuantizationScheme {
  /// Bytes of all that is stored for a matrix of `count` weights, maps included.
  func storedByteCount(_ count: Int) -> Int { byteCount(count) + 4 * 16 + (quantizesScales ? 4 * 256 : 0) }
}

extension CheckpointQuantizer {
  /// The source's configuration with `quantization_config` and the type of what is not quantized.
  func quantizedConfig(_ source: QuantizerSource, _ plan: QuantizerPlan) -> JSONObject {
    var config = source.config
    let type = JSONValue.string(mainType(plan).torchName)
    // transformers 5 writes `dtype`, earlier versions `torch_dtype`; both read `torch_dtype`.
    if config["dtype"] != nil { config["dtype"] = type }
    if config["torch_dtype"] != nil || config["dtype"] == nil { config["torch_dtype"] = type }
    guard plan.quantizes else { return config }
    // A list of modules replaces transformers' own, which is the head alone.
    let skipped: JSONValue =
      plan.keptModules.isEmpty ? .null : .array((["lm_head"] + plan.keptModules).map { .string($0) })
    config["quantization_config"] = [
      "_load_in_4bit": true, "_load_in_8bit": false, "bnb_4bit_compute_dtype": type,
      "bnb_4bit_quant_storage": "uint8", "bnb_4bit_quant_type": .string(scheme.format.rawValue),
      "bnb_4bit_use_double_quant": .bool(scheme.quantizesScales), "llm_int8_enable_fp32_cpu_offload": false,
      "llm_int8_has_fp16_weight": false, "llm_int8_skip_modules": skipped, "llm_int8_threshold": 6.0,
      "load_in_4bit": true, "load_in_8bit": false, "quant_method": "bitsandbytes",
    ]
    return config
  }

  /// The float type that most of the kept numbers have; of all numbers, where none is kept.
  private func mainType(_ plan: QuantizerPlan) -> ElementType {
    var counts: [ElementType: Int] = [:]
    for item in plan.items {
      switch item.action {
      case .keep(let type): if let type = type.elementType { counts[type, default: 0] += item.weight.count }
      case .quantize: break
      }
    }
    if counts.isEmpty {
      for item in plan.items { counts[item.weight.elementType ?? .f16, default: 0] += item.weight.count }
    }
    return counts.max { ($0.value, $0.key.rawValue) < ($1.value, $1.key.rawValue) }?.key ?? .f32
  }
}

extension CheckpointQuantizer {
  /// Counts bytes of the source that are done, and tells.
  struct Meter {
    let total: Int
    let report: (QuantizationProgress) throws -> Void
    private var finished = 0

    init(total: Int, report: @escaping (QuantizationProgress) throws -> Void) {
      self.total = total
      self.report = report
    }

    /// Rows of a weight are done: their pages may go.
    func advance(_ weight: SourceWeight, rows: Range<Int>) throws {
      weight.release(rows: rows)
      try advance(weight, to: weight.byteCount / max(1, weight.rows) * rows.upperBound)
    }

    /// So many bytes of a weight are done.
    func advance(_ weight: SourceWeight, to bytes: Int) throws {
      try Task.checkCancellation()
      try report(QuantizationProgress(tensor: weight.name, bytesDone: finished + bytes, bytesTotal: total))
    }

    /// A weight is done.
    mutating func finish(_ weight: SourceWeight) throws {
      finished += weight.byteCount
      try advance(weight, to: 0)
    }
  }
}
