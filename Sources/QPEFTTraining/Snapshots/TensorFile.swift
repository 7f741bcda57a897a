internal import QPEFTFormats
internal import QPEFTTensor

/// Float32 tensors in a safetensors file.
enum TensorFile {
  /// Writes tensors by name; the file appears whole or never.
  static func write(_ tensors: [String: Tensor], to path: String) throws {
    let plans = tensors.map { SafetensorsWriter.Plan(name: $0.key, type: .f32, shape: $0.value.shape.dimensions) }
    let writer = try SafetensorsWriter(path: path, tensors: plans)
    for (name, tensor) in tensors {
      try tensor.withElements { try writer.write(name, UnsafeRawBufferPointer($0)) }
    }
    try writer.finish()
  }

  /// Reads all tensors.
  static func read(_ path: String) throws -> [String: Tensor] {
    let file = try SafetensorsFile(path: path)
    var tensors: [String: Tensor] = [:]
    for entry in file.entries {
      guard entry.type == .f32 else {
        throw TrainingError.snapshot(path: path, problem: "\(entry.name) is \(entry.type.rawValue), not F32")
      }
      var tensor = Tensor(uninitialized: Shape(entry.shape), in: .adapters)
      tensor.withMutableElements { UnsafeMutableRawBufferPointer($0).copyMemory(from: file.bytes(entry)) }
      tensors[entry.name] = tensor
    }
    return tensors
  }
}
