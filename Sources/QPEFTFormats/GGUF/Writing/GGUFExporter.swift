internal import QPEFTJSON
internal import QPEFTKernels

/// Writes a model as one GGUF file, tensor by tensor.
package struct GGUFExporter {
  private let source: QuantizerSource
  private let llama: GGUFLlamaExport
  private let vocabulary: GGUFVocabulary
  private let storage: GGUFStorage
  private let items: [Item]

  private struct Item {
    let weight: SourceWeight
    let plan: GGUFWriter.Plan
    let wanted: GGUFType
  }

  /// Decides names and types of all tensors. `template` is the chat template.
  package init(_ source: QuantizerSource, storage: GGUFStorage, template: String?) throws {
    self.source = source
    self.storage = storage
    let llama = try GGUFLlamaExport(source.config)
    func json(_ name: String) throws -> JSONValue {
      guard let bytes = try source.bytes(ofFile: name) else { return .null }
      do { return try JSONValue(parsing: bytes) } catch { throw CheckpointError.json(path: name, problem: "\(error)") }
    }
    vocabulary = try GGUFVocabulary(
      tokenizer: json("tokenizer.json"), settings: json("tokenizer_config.json"),
      generation: json("generation_config.json"), config: .object(source.config), size: llama.vocabularySize,
      template: template)
    self.llama = llama
    var items: [(order: [Int], item: Item)] = []
    for (index, weight) in source.weights.enumerated() {
      guard !(llama.tiesHead && weight.name == "lm_head.weight"), !weight.name.hasSuffix(".rotary_emb.inv_freq") else {
        continue
      }
      guard let name = GGUFLlama.ggufName(weight.name), weight.isDecodable else {
        throw GGUFExportError.tensor(weight.name, problem: "has no place in a llama of llama.cpp")
      }
      let head = llama.interleavedHead(name)
      guard (head.map { (weight.shape.first ?? 0) % $0 == 0 } ?? true) else {
        throw GGUFExportError.tensor(weight.name, problem: "is not of whole heads")
      }
      var wanted = GGUFType.f32, type = GGUFType.f32
      if weight.shape.count == 2 {
        let isHead = name == "output.weight" || (llama.tiesHead && name == "token_embd.weight")
        wanted = storage.wantedType(name, columns: weight.columns, isHead: isHead, blocks: llama.blocks)
        type = GGUFStorage.possibleType(wanted, columns: weight.columns)
      }
      let plan = GGUFWriter.Plan(name: name, type: type, shape: weight.shape)
      let block = name.split(separator: ".").dropFirst().first.flatMap { Int($0) }
      let place = block ?? (name == "token_embd.weight" ? -1 : Int.max)
      items.append(([place, index], Item(weight: weight, plan: plan, wanted: wanted)))
    }
    self.items = items.sorted { $0.order.lexicographicallyPrecedes($1.order) }.map(\.item)
  }

  /// Writes the file. `progress` hears of bytes that are done, and may end the run by throwing.
  /// - Throws: `GGUFExportError`, `FileError` (for too little space before anything is written), `CancellationError`.
  package func run(
    to path: String, name: String, progress: @escaping (QuantizationProgress) throws -> Void
  ) throws -> GGUFExportReport {
    let start = ContinuousClock.now
    var metadata: [(key: String, value: GGUFWriter.Value)] = [
      ("general.architecture", .text("llama")), ("general.type", .text("model")), ("general.name", .text(name)),
      ("general.file_type", .unsigned(storage.fileType)), ("general.quantization_version", .unsigned(2)),
    ]
    metadata += llama.metadata + vocabulary.metadata
    var plans = items.map(\.plan)
    if let factors = llama.ropeFactors {
      plans.append(GGUFWriter.Plan(name: "rope_freqs.weight", type: .f32, shape: [factors.count]))
    }
    let writer = try GGUFWriter(path: path, metadata: metadata, tensors: plans)
    try llama.ropeFactors?.withUnsafeBytes { try writer.write("rope_freqs.weight", $0) }
    var tensors: [GGUFExportReport.Tensor] = []
    var meter = CheckpointQuantizer.Meter(total: items.reduce(0) { $0 + $1.weight.byteCount }, report: progress)
    for item in items {
      let error = try write(item, to: writer, meter: meter)
      tensors.append(
        .init(
          name: item.plan.name, type: item.plan.type.name, shape: item.plan.shape, bytes: item.plan.byteCount,
          relativeError: error, wantedType: item.wanted == item.plan.type ? nil : item.wanted.name))
      try meter.finish(item.weight)
    }
    try writer.finish()
    return GGUFExportReport(
      output: path, storage: storage, tensors: tensors, bytes: writer.byteCount,
      seconds: start.duration(to: .now) / .seconds(1))
  }

  /// Writes one tensor and returns its relative error.
  private func write(_ item: Item, to writer: GGUFWriter, meter: CheckpointQuantizer.Meter) throws -> Double {
    let (weight, plan) = (item.weight, item.plan)
    let head = llama.interleavedHead(plan.name)
    var error = RoundingError()
    try QuantizerPlan.forEachChunk(weight, unit: weight.shape.count == 2 ? head ?? 1 : 1) { rows, numbers in
      guard numbers.allSatisfy(\.isFinite) else { throw GGUFExportError.notFinite(tensor: weight.name) }
      if let head { Self.interleave(numbers, columns: weight.shape.count == 2 ? weight.columns : 1, head: head) }
      let encoded = GGUFEncoder.encode(UnsafeBufferPointer(numbers), plan.type)
      let decoded = GGUFEncoder.decode(encoded, plan.type, count: numbers.count)
      guard decoded.allSatisfy(\.isFinite) else {
        throw GGUFExportError.tooLarge(tensor: weight.name, type: plan.type.name)
      }
      error.add(numbers, decoded)
      let rowBytes = plan.byteCount / max(1, weight.rows)
      try encoded.withUnsafeBytes { try writer.write(plan.name, $0, at: rows.lowerBound * rowBytes) }
      try meter.advance(weight, rows: rows)
    }
    return error.relative
  }

  /// Brings rows from transformers' order into llama.cpp's.
  static func interleave(_ numbers: UnsafeMutableBufferPointer<Float>, columns: Int, head: Int) {
    let source = Array(numbers)
    for row in 0..<(numbers.count / max(1, columns)) {
      let from = GGUFLlamaExport.sourceRow(row, head: head) * columns
      for column in 0..<columns { numbers[row * columns + column] = source[from + column] }
    }
  }
}
