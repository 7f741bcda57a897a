internal import Foundation
internal import QPEFTJSON

/// `model.safetensors.index.json`: which shard holds which tensor.
struct ShardIndex {
  static let fileName = "model.safetensors.index.json"

  /// Shard file names by tensor name; each is a relative path that stays in the directory.
  var shards: [String: String] = [:]

  /// Reads the index at `path`.
  init(path: String) throws {
    let json: JSONValue
    do { json = try JSONValue(parsing: Array(readSmallFile(path)), repeatedNames: .refused) } catch let error
      as JSONError
    {
      throw CheckpointError.json(path: path, problem: "\(error)")
    }
    guard let map = json["weight_map"]?.object else {
      throw CheckpointError.json(path: path, problem: "there is no object weight_map")
    }
    for (name, value) in map.members {
      guard let shard = value.string else {
        throw CheckpointError.json(path: path, problem: "the shard of \(name) is not a string")
      }
      guard RelativePath.staysInside(shard) else { throw CheckpointError.unsafeShardName(index: path, shard: shard) }
      shards[name] = shard
    }
  }
}
