internal import Foundation
internal import QPEFTJSON
internal import QPEFTKernels
public import QPEFTQuantization
public import QPEFTTensor

/// Turns a checkpoint into a Hugging Face directory whose linear layers are stored in bitsandbytes' 4-bit layout.
///
///     let report = try CheckpointQuantizer(source: "SmolLM2", output: "SmolLM2-nf4").run()
///
/// Embeddings, head, norms and biases keep their type. Of a GGUF they get one type, that of the embedding; where it is stored
/// in blocks, float16 (bfloat16 if a number is beyond its range). Works tensor by tensor from mapped files.
/// - Memory: a few tens of megabytes and the scales of the largest matrix.
public struct CheckpointQuantizer: Sendable {
  /// A Hugging Face directory or a `.gguf` file.
  public var source: String
  /// Directory to write; it must not exist or be empty. It appears when everything is written, or not at all.
  public var output: String
  /// Levels, block size, double quantization.
  public var scheme: QuantizationScheme
  /// Patterns of tensors that stay as they are: parts of a name, or globs.
  public var keep: [String]
  /// Type of what is kept of a GGUF; nil: that of the embedding, or for blocks the 16-bit type that loses least.
  public var keptType: ElementType?
  /// Longest file of weights, in bytes.
  public var shardByteLimit: Int

  /// A request; nothing happens before `run`.
  public init(
    source: String, output: String, scheme: QuantizationScheme = QuantizationScheme(), keep: [String] = [],
    keptType: ElementType? = nil, shardByteLimit: Int = 5_000_000_000
  ) {
    self.source = source
    self.output = output
    self.scheme = scheme
    self.keep = keep
    self.keptType = keptType
    self.shardByteLimit = shardByteLimit
  }

  /// Quantizes. `progress` is called after every million weights or so; what it throws ends the run.
  /// - Throws: `QuantizerError`, `FileError`, `QuantizationError`, what reading the source throws, `CancellationError` where
  ///   the task is cancelled. Whatever is thrown, nothing is left behind.
  public func run(progress: @escaping (QuantizationProgress) throws -> Void = { _ in }) throws -> QuantizationReport {
    try run(QuantizerSource(path: source), progress: progress)
  }

  /// Writes weights that come from elsewhere; ``source`` is then a name for the report.
  package func run(
    _ source: QuantizerSource, progress: @escaping (QuantizationProgress) throws -> Void
  ) throws -> QuantizationReport {
    let start = ContinuousClock.now
    try scheme.validate()
    let directory = try OutputDirectory(path: output)
    let plan = try QuantizerPlan(source, self)
    try OutputDirectory.checkSpace(at: output, needed: plan.items.reduce(16 << 20) { $0 + $1.byteCount })

    var layers: [QuantizationReport.Layer] = []
    var kept: [QuantizationReport.Kept] = []
    var tensorBytes = 0
    var meter = Meter(total: plan.items.reduce(0) { $0 + $1.weight.byteCount }, report: progress)
    let names = shardNames(plan.shards.count)
    for (name, items) in zip(names, plan.shards) {
      let writer = try SafetensorsWriter(path: directory.file(name), tensors: items.flatMap(\.tensors))
      for item in items {
        switch item.action {
        case .quantize:
          var quantizer = WeightQuantizer(item.weight, scheme)
          let error = try quantizer.run(into: writer, typeName: source.typeName(of: item.weight)) {
            try meter.advance(item.weight, rows: $0)
          }
          layers.append(
            .init(
              name: item.weight.name, shape: item.weight.shape, bytesBefore: item.weight.byteCount,
              bytesAfter: scheme.storedByteCount(item.weight.count), relativeError: error))
        case .keep(let type):
          let error = try copy(item.weight, as: type, into: writer, meter: &meter)
          kept.append(
            .init(
              name: item.weight.name, shape: item.weight.shape, typeBefore: item.weight.typeName,
              typeAfter: type.rawValue, bytesBefore: item.weight.byteCount, bytesAfter: item.byteCount,
              relativeError: error))
        }
        try meter.finish(item.weight)
      }
      try writer.finish()
      tensorBytes += writer.dataByteCount
    }
    if names.count > 1 { try writeIndex(plan, names, tensorBytes: tensorBytes, to: directory) }
    try writeFiles(source, plan, to: directory)
    try directory.finish()
    let duration = start.duration(to: .now).components
    return QuantizationReport(
      source: self.source, output: directory.path, scheme: scheme, layers: layers, kept: kept, shards: names,
      seconds: Double(duration.seconds) + Double(duration.attoseconds) * 1e-18)
  }

  private func shardNames(_ count: Int) -> [String] {
    guard count > 1 else { return ["model.safetensors"] }
    func digits(_ number: Int) -> String { String(repeating: "0", count: max(0, 5 - "\(number)".count)) + "\(number)" }
    return (1...count).map { "model-\(digits($0))-of-\(digits(count)).safetensors" }
  }

  /// Writes a tensor as it is, or, where it is decoded or computed, as numbers of `type`. The relative error of rounding is the
  /// result.
  private func copy(
    _ weight: SourceWeight, as type: SafetensorsType, into writer: SafetensorsWriter, meter: inout Meter
  ) throws -> Double {
    if let stored = weight.storedBytes {
      let piece = 1 << 24
      for start in stride(from: 0, to: stored.bytes.count, by: piece) {
        let bytes = stored.bytes[start..<min(start + piece, stored.bytes.count)]
        try writer.write(weight.name, UnsafeRawBufferPointer(rebasing: bytes), at: start)
        try meter.advance(weight, to: start + bytes.count)
      }
      weight.release(rows: 0..<weight.rows)
      return 0
    }
    var error = RoundingError()
    try QuantizerPlan.forEachChunk(weight, unit: 1) { rows, numbers in
      let offset = rows.lowerBound * weight.columns * type.byteWidth
      func write16(_ encode: (Float) -> UInt16, _ decode: (UInt16) -> Float) throws {
        let bits = numbers.map(encode)
        error.add(numbers, bits.lazy.map(decode))
        try bits.withUnsafeBytes { try writer.write(weight.name, $0, at: offset) }
      }
      switch type {
      case .f16: try write16(HalfFloat.half) { HalfFloat.float(half: $0) }
      case .bf16: try write16(HalfFloat.bfloat) { HalfFloat.float(bfloat: $0) }
      default: try writer.write(weight.name, UnsafeRawBufferPointer(numbers), at: offset)
      }
      try meter.advance(weight, rows: rows)
    }
    return error.relative
  }

  private func writeIndex(
    _ plan: QuantizerPlan, _ names: [String], tensorBytes: Int, to directory: OutputDirectory
  ) throws {
    let map = zip(names, plan.shards).flatMap { name, items in
      items.flatMap(\.tensors).map { (key: $0.name, value: JSONValue.string(name)) }
    }
    let index: JSONObject = ["metadata": ["total_size": .integer(tensorBytes)], "weight_map": .object(JSONObject(map))]
    try OutputFile.write(QuantizerSource.text(index), to: directory.file(ShardIndex.fileName))
  }

  private func writeFiles(_ source: QuantizerSource, _ plan: QuantizerPlan, to directory: OutputDirectory) throws {
    let config = quantizedConfig(source, plan)
    try OutputFile.write(QuantizerSource.text(config), to: directory.file("config.json"))
    for (name, content) in source.files {
      switch content {
      case .bytes(let bytes): try OutputFile.write(bytes, to: directory.file(name))
      case .copy(let path): try OutputFile.write(Array(readSmallFile(path)), to: directory.file(name))
      }
    }
  }
}
