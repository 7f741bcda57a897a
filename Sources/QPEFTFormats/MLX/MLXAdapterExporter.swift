internal import Foundation
internal import QPEFTJSON
internal import QPEFTTensor

/// Writes low-rank updates as mlx-lm stores them: `adapters.safetensors` and `adapter_config.json`.
///
/// mlx-lm has one rank and one scale. Updates of a lower rank get rows of zeros, and a scale of their own is multiplied into B.
package struct MLXAdapterExporter {
  private let updates: [LowRankUpdate]
  private let dropout: Double
  private let blocks: Int

  /// The updates of a model of so many blocks; they sit in blocks, `model.layers.N.…`.
  package init(_ updates: [LowRankUpdate], dropout: Double, blocks: Int) {
    self.updates = updates
    self.dropout = dropout
    self.blocks = blocks
  }

  /// Writes the directory, which must not exist or be empty.
  /// - Throws: `MLXExportError`, `FileError`.
  package func run(to path: String) throws {
    let rank = updates.map(\.rank).max() ?? 0
    let scale = updates.first?.scale ?? 1
    var keys: [String] = []
    var tensors: [String: Tensor] = [:]
    for update in updates {
      let parts = update.module.split(separator: ".", maxSplits: 3, omittingEmptySubsequences: false)
      guard parts.count == 4, parts[0] == "model", parts[1] == "layers", Int(parts[2]) != nil else {
        throw MLXExportError.outsideBlocks(module: update.module)
      }
      if !keys.contains(String(parts[3])) { keys.append(String(parts[3])) }
      tensors[update.module + ".lora_a"] = update.a.transposed(rows: update.a.shape.columns, columns: rank)
      tensors[update.module + ".lora_b"] = update.b(forScale: scale).transposed(
        rows: rank, columns: update.b.shape.rows)
    }
    for update in updates { tensors[update.module + ".m"] = update.magnitude }
    let config: JSONObject = [
      "fine_tune_type": updates.contains { $0.magnitude != nil } ? "dora" : "lora", "num_layers": .integer(blocks),
      "lora_parameters": [
        "rank": .integer(rank), "scale": .number(Double("\(scale)") ?? Double(scale)), "dropout": .number(dropout),
        "keys": .array(keys.sorted().map { .string($0) }),
      ],
    ]
    try OutputDirectory.checkSpace(at: path, needed: tensors.values.reduce(1 << 20) { $0 + $1.byteCount })
    let directory = try OutputDirectory(path: path)
    let names = tensors.keys.sorted()
    let writer = try SafetensorsWriter(
      path: directory.file("adapters.safetensors"),
      tensors: names.map { .init(name: $0, type: .f32, shape: tensors[$0]?.shape.dimensions ?? []) },
      metadata: ["format": "mlx"])
    for name in names { try tensors[name]?.withElements { try writer.write(name, UnsafeRawBufferPointer($0)) } }
    try writer.finish()
    let text = JSONValue.object(config).bytes(.indented(sorted: true)) + [UInt8(ascii: "\n")]
    try OutputFile.write(text, to: directory.file("adapter_config.json"))
    try directory.finish()
  }
}

extension Tensor {
  /// The transposed matrix, with zeros where it is larger than this one.
  fileprivate func transposed(rows: Int, columns: Int) -> Tensor {
    var result = Tensor.zeros([rows, columns], in: .adapters)
    let width = shape.columns
    withElements { source in
      result.withMutableElements { target in
        for row in 0..<shape.rows {
          for column in 0..<width { target[column * columns + row] = source[row * width + column] }
        }
      }
    }
    return result
  }
}
