internal import Foundation
public import QPEFTTensor

/// An adapter as PEFT stores it: `adapter_config.json` and `adapter_model.safetensors`.
public struct PEFTAdapterDirectory: Sendable {
  /// Settings.
  public var config: PEFTAdapterConfig
  /// Tensors by the keys of the file, as float32.
  public var tensors: [String: Tensor]

  /// An adapter in memory.
  public init(config: PEFTAdapterConfig, tensors: [String: Tensor]) {
    self.config = config
    self.tensors = tensors
  }

  private static let configName = "adapter_config.json"
  private static let weightsName = "adapter_model.safetensors"

  /// Reads the adapter in the directory `path`; f16 and bf16 tensors become float32, as PEFT does.
  /// - Throws: `PEFTAdapterError`, `SafetensorsError`, `CheckpointError`, `MappedFileError`.
  public init(path: String) throws {
    let configPath = path + "/" + Self.configName
    guard FileManager.default.fileExists(atPath: configPath) else {
      throw PEFTAdapterError.missingFile(path: configPath, remedy: "name the directory of a PEFT adapter")
    }
    config = try PEFTAdapterConfig(parsing: Array(readSmallFile(configPath, limit: 1 << 24)), path: configPath)
    let weights = path + "/" + Self.weightsName
    guard FileManager.default.fileExists(atPath: weights) else {
      throw PEFTAdapterError.missingFile(
        path: weights, remedy: "adapters in adapter_model.bin are not read; save them again with a newer PEFT")
    }
    let file = try SafetensorsFile(path: weights)
    tensors = [:]
    for entry in file.entries {
      tensors[entry.name] = try CheckpointTensor(entry, in: file.file).decoded(in: .adapters)
    }
  }

  /// Writes both files into the directory `path`, which is made if it is missing; each appears whole, the weights first. An adapter
  /// that is there loses its settings before, so that no interruption leaves new weights under old settings.
  /// - Throws: `FileError`.
  public func write(to path: String) throws {
    try OutputDirectory.make(path, for: path)
    try OutputDirectory.checkSpace(at: path, needed: tensors.values.reduce(1 << 20) { $0 + $1.byteCount })
    if unlink(path + "/" + Self.configName) != 0, errno != ENOENT { throw FileError.last("replace", path) }
    let names = tensors.keys.sorted()
    let writer = try SafetensorsWriter(
      path: path + "/" + Self.weightsName,
      tensors: names.map { .init(name: $0, type: .f32, shape: tensors[$0]?.shape.dimensions ?? []) })
    for name in names {
      try tensors[name]?.withElements { try writer.write(name, UnsafeRawBufferPointer($0)) }
    }
    try writer.finish()
    try OutputFile.write(config.text, to: path + "/" + Self.configName)
  }
}
