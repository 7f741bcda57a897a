internal import QPEFTAdapters
internal import QPEFTAutodiff
internal import QPEFTFormats
internal import QPEFTLayers
internal import QPEFTModels
internal import QPEFTTensor

extension AdaptedModel {
  /// The adapters as low-rank updates, in the order of the layers.
  /// - Throws: `AdapterExportError` for one that is something else, or more.
  func lowRankUpdates() throws(AdapterExportError) -> [LowRankUpdate] {
    if let module = adapters?.trainedModules.keys.min() { throw .notLowRank(module: module, what: "is trained whole") }
    var updates: [LowRankUpdate] = []
    for layer in model.linears {
      guard let adapter = layer.adapter else { continue }
      let name = layer.site.name
      let dora = adapter as? DoRA
      guard let lora = dora?.lora ?? adapter as? LoRA else {
        throw .notLowRank(module: name, what: "is trained whole, or in its bias")
      }
      guard lora.bias == nil, lora.updateBias == nil else {
        throw .notLowRank(module: name, what: "has a trained bias")
      }
      updates.append(
        LowRankUpdate(
          module: name, a: lora.a.value, b: lora.b.value, scale: lora.scale, magnitude: dora?.magnitude.value))
    }
    return updates
  }
}
