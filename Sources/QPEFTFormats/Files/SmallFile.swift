internal import Foundation
internal import QPEFTTensor

/// Reads a file that is held in memory whole, refusing one above `limit` bytes.
func readSmallFile(_ path: String, limit: Int = 1 << 28) throws -> Data {
  let file = try MappedFile(path: path)
  guard file.bytes.count <= limit else { throw FileError.tooLarge(path: path, bytes: file.bytes.count, limit: limit) }
  return Data(file.bytes)
}
