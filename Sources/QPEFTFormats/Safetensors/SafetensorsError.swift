public import Foundation

/// A safetensors file that cannot be trusted, named with the tensor where it fails. `file` is the path as it was given.
public enum SafetensorsError: Error, Equatable, CustomStringConvertible {
  /// Fewer than the eight bytes that say how long the header is.
  case noHeader(file: String, bytes: Int)
  /// The header would be longer than the format allows.
  case headerTooLarge(file: String, bytes: UInt64, limit: Int)
  /// The file ends inside the header.
  case headerBeyondFile(file: String, bytes: Int, fileBytes: Int)
  /// The header is not JSON.
  case headerNotJSON(file: String, problem: String)
  /// A part of the header is not what the format says, for example a shape that is no list.
  case malformed(file: String, tensor: String, problem: String)
  /// Two entries have one name.
  case duplicateTensor(file: String, tensor: String)
  /// A number type that the format does not know.
  case unknownType(file: String, tensor: String, type: String)
  /// The shape's element or byte count does not fit an integer.
  case shapeOverflow(file: String, tensor: String, shape: [Int])
  /// The offsets do not hold what type and shape need.
  case byteCount(file: String, tensor: String, expected: Int, found: Int)
  /// The offsets lie outside of the file: it is cut off, or they are wrong.
  case beyondFile(file: String, tensor: String, end: Int, dataBytes: Int)
  /// Two tensors share bytes.
  case overlap(file: String, tensor: String, other: String)
  /// Bytes that no tensor owns, before `tensor` or, if nil, at the end of the file.
  case unclaimedBytes(file: String, before: String?, bytes: Int)
  /// The file has no tensor of that name.
  case missingTensor(file: String, tensor: String)

  /// The failure in a sentence.
  public var description: String {
    switch self {
    case .noHeader(let file, let bytes): "\(file): \(bytes) bytes are no safetensors file"
    case .headerTooLarge(let file, let bytes, let limit):
      "\(file): claims a header of \(bytes) bytes, the limit is \(limit)"
    case .headerBeyondFile(let file, let bytes, let fileBytes):
      "\(file): claims a header of \(bytes) bytes but has \(fileBytes) in all: the file is cut off"
    case .headerNotJSON(let file, let problem): "\(file): the header is not JSON: \(problem)"
    case .malformed(let file, let tensor, let problem): "\(file): \(tensor): \(problem)"
    case .duplicateTensor(let file, let tensor): "\(file): \(tensor) occurs twice in the header"
    case .unknownType(let file, let tensor, let type): "\(file): \(tensor) has the unknown number type \(type)"
    case .shapeOverflow(let file, let tensor, let shape):
      "\(file): \(tensor): the shape \(shape) has more elements than can be counted"
    case .byteCount(let file, let tensor, let expected, let found):
      "\(file): \(tensor): its type and shape need \(expected) bytes, its offsets hold \(found)"
    case .beyondFile(let file, let tensor, let end, let dataBytes):
      "\(file): \(tensor) ends at byte \(end) of the data, of which there are \(dataBytes): "
        + "the file is cut off"
    case .overlap(let file, let tensor, let other): "\(file): \(tensor) and \(other) share bytes"
    case .unclaimedBytes(let file, let before, let bytes):
      "\(file): \(bytes) bytes \(before.map { "before \($0)" } ?? "at the end") belong to no tensor"
    case .missingTensor(let file, let tensor): "\(file): there is no tensor \(tensor)"
    }
  }

  /// What the reader can do about it.
  public var remedy: String {
    switch self {
    case .headerTooLarge: "name a safetensors file; this is none"
    case .missingTensor: "use the file of this model"
    default: "download the file again; it is damaged or not what its name says"
    }
  }
}

extension SafetensorsError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What the reader can do about it.
  public var recoverySuggestion: String? { remedy }
}
