import Foundation
import QPEFTFormats
import QPEFTTensor

/// Path of something under Tests/Fixtures.
func fixture(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/" + name).path
}

/// Runs `body` with a directory that is removed afterwards.
@discardableResult
func withTemporaryDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
  let path = FileManager.default.temporaryDirectory.path + "/qpeft-formats-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: path) }
  return try body(path)
}

func write(_ bytes: [UInt8], to path: String) throws { try Data(bytes).write(to: URL(fileURLWithPath: path)) }
func write(_ text: String, to path: String) throws { try write(Array(text.utf8), to: path) }
func readBytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

/// A safetensors file of that header and that many bytes of data.
func safetensors(header: String, data: Int) -> [UInt8] {
  let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
  return length + Array(header.utf8) + Array(repeating: 7, count: data)
}

/// The tensors of a safetensors file as float32, by name.
func decodedTensors(_ path: String) throws -> [String: Tensor] {
  let file = try SafetensorsFile(path: path)
  var tensors: [String: Tensor] = [:]
  for entry in file.entries where entry.type.elementType != nil {
    tensors[entry.name] = try CheckpointTensor(entry, in: file.file).decoded()
  }
  return tensors
}

func bits(_ tensor: Tensor) -> [UInt32] { tensor.elements.map(\.bitPattern) }
