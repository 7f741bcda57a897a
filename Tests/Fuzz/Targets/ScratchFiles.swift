internal import Foundation
internal import QPEFTFormats
internal import QPEFTJSON
internal import QPEFTText

/// Temporary files that an input is written to, since readers map files.
package final class ScratchFiles: Sendable {
  let directory: String
  let tokenizer: ChatTokenizer

  package init() throws {
    let place = FileManager.default.temporaryDirectory.path
    directory = "\(place)/qpeft-fuzz-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    for name in ["checkpoint", "sharded"] {
      try FileManager.default.createDirectory(atPath: "\(directory)/\(name)", withIntermediateDirectories: true)
    }
    let json: JSONValue = [
      "model": ["type": "BPE", "vocab": ["a": 0, "b": 1, "<unk>": 2], "merges": [], "unk_token": "<unk>"]
    ]
    tokenizer = ChatTokenizer(tokenizer: try Tokenizer(json: json), eosIDs: [0])
    // What stands beside every input is written once.
    try write(Array("{}".utf8), to: "checkpoint/config.json")
    try write(Array("{}".utf8), to: "sharded/config.json")
    let header = Array(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#.utf8)
    try write([UInt8(header.count), 0, 0, 0, 0, 0, 0, 0] + header + [0, 0, 0, 0], to: "sharded/s.safetensors")
  }

  deinit { try? FileManager.default.removeItem(atPath: directory) }

  func path(_ name: String) -> String { "\(directory)/\(name)" }

  func write(_ bytes: [UInt8], to name: String) throws {
    let descriptor = open(path(name), O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard descriptor >= 0 else { throw FileError.last("write", name) }
    defer { close(descriptor) }
    guard bytes.withUnsafeBytes({ Foundation.write(descriptor, $0.baseAddress, $0.count) }) == bytes.count else {
      throw FileError.last("write", name)
    }
  }
}
