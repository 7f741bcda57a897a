public import QPEFTTensor

/// A safetensors file, mapped and checked: after opening, every tensor's bytes lie in the file and belong to it alone.
public struct SafetensorsFile: Sendable {
  /// One entry of the header.
  public struct Entry: Hashable, Sendable {
    /// Name in the header.
    public let name: String
    /// Type of the numbers.
    public let type: SafetensorsType
    /// Extents, outermost first.
    public let shape: [Int]
    /// Bytes of the file that hold it.
    public let range: Range<Int>
  }

  /// Longest header that is read, as in the reference implementation.
  public static let headerLimit = 100_000_000

  /// The mapped file; bytes handed out live as long as it does.
  public let file: MappedFile
  /// Entries in the order of their bytes.
  public let entries: [Entry]
  /// The texts of `__metadata__`.
  public let metadata: [String: String]
  private let indices: [String: Int]

  /// Maps and checks the file at `path`.
  /// - Throws: `MappedFileError`, `SafetensorsError`.
  public init(path: String) throws { try self.init(file: MappedFile(path: path)) }

  /// Checks a mapped file.
  public init(file: MappedFile) throws(SafetensorsError) {
    self.file = file
    let header = try SafetensorsHeader(file.bytes, file: file.path)
    entries = header.entries
    metadata = header.metadata
    var indices: [String: Int] = [:]
    for (index, entry) in entries.enumerated() {
      // Texts that Unicode takes for the same are one key here, though their bytes differ.
      guard indices.updateValue(index, forKey: entry.name) == nil else {
        throw .duplicateTensor(file: file.path, tensor: entry.name)
      }
    }
    self.indices = indices
  }

  /// The entry of that name, if there is one.
  public func entry(_ name: String) -> Entry? { indices[name].map { entries[$0] } }

  /// The entry of that name.
  package func requireEntry(_ name: String) throws(SafetensorsError) -> Entry {
    guard let entry = entry(name) else { throw .missingTensor(file: file.path, tensor: name) }
    return entry
  }

  /// The bytes of an entry of this file, valid as long as `file` lives.
  public func bytes(_ entry: Entry) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: file.bytes[entry.range])
  }
}
