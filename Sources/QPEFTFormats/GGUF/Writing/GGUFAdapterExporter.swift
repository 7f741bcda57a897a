package import QPEFTJSON
internal import QPEFTTensor

/// Writes low-rank updates as a GGUF adapter, which llama.cpp adds to a model while it runs.
///
/// The file knows one alpha, and llama.cpp scales each update by alpha over its rank. Whatever else the scale of a layer depends
/// on (the root of the rank, an alpha of its own) is multiplied into its B.
package struct GGUFAdapterExporter {
  private let llama: GGUFLlamaExport
  private let updates: [LowRankUpdate]
  private let alpha: Float

  /// The updates of a model with that `config.json`.
  package init(_ updates: [LowRankUpdate], config: JSONObject, alpha: Float) throws(GGUFExportError) {
    llama = try GGUFLlamaExport(config)
    self.updates = updates
    self.alpha = alpha
  }

  /// Writes the file and returns its size.
  package func run(to path: String, name: String) throws -> Int {
    var plans: [GGUFWriter.Plan] = []
    var contents: [(name: String, tensor: Tensor)] = []
    for update in updates {
      guard let weight = GGUFLlama.ggufName(update.module + ".weight") else {
        throw GGUFExportError.adapter(tensor: update.module, problem: "has no place in a llama of llama.cpp")
      }
      guard update.magnitude == nil else {
        throw GGUFExportError.adapter(
          tensor: update.module, problem: "is adapted by DoRA, which llama.cpp does not have")
      }
      var b = update.b(forScale: alpha / Float(update.rank))
      guard b.isFinite, update.a.isFinite else { throw GGUFExportError.notFinite(tensor: update.module) }
      if let head = llama.interleavedHead(weight) {
        guard b.shape.rows % head == 0 else {
          throw GGUFExportError.adapter(tensor: update.module, problem: "is not of whole heads")
        }
        b.withMutableElements { GGUFExporter.interleave($0, columns: update.rank, head: head) }
      }
      contents += [(weight + ".lora_a", update.a), (weight + ".lora_b", b)]
    }
    for (name, tensor) in contents { plans.append(.init(name: name, type: .f32, shape: tensor.shape.dimensions)) }
    let writer = try GGUFWriter(
      path: path,
      metadata: [
        ("general.architecture", .text("llama")), ("general.type", .text("adapter")), ("general.name", .text(name)),
        ("general.file_type", .unsigned(GGUFStorage.f32.fileType)), ("adapter.type", .text("lora")),
        ("adapter.lora.alpha", .float(alpha)),
      ], tensors: plans)
    for (name, tensor) in contents {
      try tensor.withElements { try writer.write(name, UnsafeRawBufferPointer($0)) }
    }
    try writer.finish()
    return writer.byteCount
  }
}
