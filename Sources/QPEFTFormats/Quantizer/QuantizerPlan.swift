internal import Foundation
internal import QPEFTKernels
internal import QPEFTQuantization
internal import QPEFTTensor

/// What happens to each tensor, and in which file it ends: decided before anything is written.
struct QuantizerPlan {
  /// One tensor of the source.
  struct Item {
    enum Action {
      /// To 4 bits.
      case quantize
      /// Byte by byte, or decoded and stored as `type`.
      case keep(SafetensorsType)
    }
    let weight: SourceWeight
    let action: Action
    /// What is written for it.
    let tensors: [SafetensorsWriter.Plan]
    var byteCount: Int { tensors.reduce(0) { $0 + $1.byteCount } }
  }

  /// Longest `quant_state` text that is possible, and more.
  static let stateLimit = 512

  let shards: [[Item]]
  /// Modules of linear layers that were kept on demand.
  let keptModules: [String]

  var items: [Item] { shards.flatMap { $0 } }

  /// Whether anything is stored in 4 bits.
  var quantizes: Bool { Self.quantizes(items) }

  private static func quantizes(_ items: [Item]) -> Bool {
    items.contains { if case .quantize = $0.action { true } else { false } }
  }

  init(_ source: QuantizerSource, _ request: CheckpointQuantizer) throws {
    var items: [Item] = []
    var keptModules: [String] = []
    var used = Set<String>()
    let common = request.keptType ?? Self.commonType(source.weights)
    for weight in source.weights {
      let patterns = request.keep.filter { Self.matches(weight.name, $0) }
      used.formUnion(patterns)
      let isLinear = Self.isLinear(weight)
      if isLinear && patterns.isEmpty {
        guard weight.isDecodable else {
          throw QuantizerError.unsupportedType(tensor: weight.name, type: weight.typeName)
        }
        items.append(Self.quantized(weight, request.scheme))
      } else {
        if isLinear { keptModules.append(String(weight.name.dropLast(".weight".count))) }
        items.append(Self.kept(weight, common))
      }
    }
    if let pattern = request.keep.first(where: { !used.contains($0) }) {
      throw QuantizerError.keepMatchesNothing(pattern: pattern)
    }
    // Keeping every linear layer on demand is a conversion of the format alone.
    guard Self.quantizes(items) || !keptModules.isEmpty else {
      throw QuantizerError.nothingToQuantize(source: request.source)
    }
    self.keptModules = keptModules
    var shards: [[Item]] = [[]]
    var bytes = 0
    for item in items {
      if bytes > 0, bytes + item.byteCount > request.shardByteLimit {
        shards.append([])
        bytes = 0
      }
      shards[shards.count - 1].append(item)
      bytes += item.byteCount
    }
    self.shards = shards
  }

  /// A weight of a linear layer inside a block: `...layers.N....weight`, two dimensions, no norm or embedding.
  private static func isLinear(_ weight: SourceWeight) -> Bool {
    let parts = weight.name.split(separator: ".")
    return weight.shape.count == 2 && weight.count > 0 && parts.last == "weight" && parts.contains("layers")
      && !parts.contains { $0.contains("norm") || $0.contains("embed") }
  }

  /// Whether `pattern` is a part of the name, or a glob that matches it or its module.
  static func matches(_ name: String, _ pattern: String) -> Bool {
    let module = name.hasSuffix(".weight") ? String(name.dropLast(".weight".count)) : name
    return !pattern.isEmpty
      && (name.contains(pattern) || fnmatch(pattern, name, 0) == 0 || fnmatch(pattern, module, 0) == 0)
  }

  private static func quantized(_ weight: SourceWeight, _ scheme: QuantizationScheme) -> Item {
    let blocks = MatrixView.blocks(weight.count, scheme.blockSize)
    let name = weight.name
    var tensors: [SafetensorsWriter.Plan] = [
      .init(name: name, type: .u8, shape: [(weight.count + 1) / 2, 1]),
      .init(name: name + ".absmax", type: scheme.quantizesScales ? .u8 : .f32, shape: [blocks]),
      .init(name: name + ".quant_map", type: .f32, shape: [16]),
      .late(name: QuantState.key(name, scheme.format), limit: stateLimit),
    ]
    if scheme.quantizesScales {
      let nested = MatrixView.blocks(blocks, QuantizationScheme.nestedBlockSize)
      tensors.append(.init(name: name + ".nested_absmax", type: .f32, shape: [nested]))
      tensors.append(.init(name: name + ".nested_quant_map", type: .f32, shape: [256]))
    }
    return Item(weight: weight, action: .quantize, tensors: tensors)
  }

  private static func kept(_ weight: SourceWeight, _ common: ElementType) -> Item {
    let type = weight.storedBytes?.type ?? SafetensorsType(common)
    return Item(
      weight: weight, action: .keep(type),
      tensors: [SafetensorsWriter.Plan(name: weight.name, type: type, shape: weight.shape)])
  }

  /// The one type of all that is kept of a GGUF: transformers does not compute with a mixture in a quantized model.
  ///
  /// It is that of the largest kept tensor, the embedding. Blocks need up to 19 bits, so of the 16-bit types float16 with
  /// 11 loses least, unless a number is beyond its range.
  private static func commonType(_ weights: [SourceWeight]) -> ElementType {
    let kept = weights.filter { $0.storedBytes == nil && !isLinear($0) }
    guard let largest = kept.max(by: { $0.count < $1.count }) else { return .f32 }
    if let type = largest.elementType, type != .f16 { return type }
    return kept.allSatisfy { largestMagnitude($0) < 65_504 } ? .f16 : .bf16
  }

  private static func largestMagnitude(_ weight: SourceWeight) -> Float {
    var largest: Float = 0
    forEachChunk(weight, unit: 1) { rows, numbers in
      for number in numbers { largest = max(largest, abs(number)) }
      weight.release(rows: rows)
    }
    return largest
  }

  /// Numbers that are in memory at a time, as float32.
  private static let chunk = 1 << 20

  /// Calls `body` with runs of rows as float32, each (but the last) a multiple of `unit` rows.
  static func forEachChunk(
    _ weight: SourceWeight, unit: Int, _ body: (Range<Int>, UnsafeMutableBufferPointer<Float>) throws -> Void
  ) rethrows {
    let columns = max(1, weight.columns)
    let step = max(unit, chunk / columns / unit * unit)
    let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: max(1, min(step, weight.rows) * columns))
    defer { buffer.deallocate() }
    var row = 0
    while row < weight.rows {
      let rows = row..<min(row + step, weight.rows)
      let numbers = UnsafeMutableBufferPointer(rebasing: buffer[..<(rows.count * columns)])
      weight.decode(numbers, rows: rows)
      try body(rows, numbers)
      row = rows.upperBound
    }
  }
}
