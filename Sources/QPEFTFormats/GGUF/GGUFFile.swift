package import QPEFTKernels
public import QPEFTTensor

/// A GGUF model, mapped and checked: one file, or parts `NAME-00001-of-0000N.gguf`. After opening, every tensor's bytes lie
/// in their file.
public struct GGUFFile: Sendable {
  /// One tensor.
  public struct Entry: Hashable, Sendable {
    /// Name as llama.cpp has it, for example `blk.0.attn_q.weight`.
    public let name: String
    /// How its numbers are stored.
    public let type: GGUFType
    /// Extents, outermost first (the file has them the other way round).
    public let shape: [Int]
    /// Which of the files holds it, from 0.
    public let part: Int
    /// Bytes of the file that hold it.
    public let range: Range<Int>

    /// Numbers of an innermost row, and number of such rows.
    public var columns: Int { shape.last ?? 1 }
    /// Number of innermost rows.
    public var rows: Int { shape.dropLast().reduce(1, *) }
  }

  /// The mapped files; bytes handed out live as long as they do.
  public let files: [MappedFile]
  /// Path as given.
  public var path: String { files[0].path }
  /// Metadata by key; of a model in parts, those of the first.
  public let metadata: [String: GGUFValue]
  /// Tensors in the order of the files' lists.
  public let entries: [Entry]
  private let indices: [String: Int]

  /// Maps and checks the file at `path`, and the other parts of its model where there are some.
  /// - Throws: `MappedFileError`, `GGUFError`.
  public init(path: String) throws {
    let first = try MappedFile(path: path)
    let header = try GGUFHeader(first, part: 0)
    var files = [first], entries = header.entries
    for part in try GGUFSplit(header, path: path).otherPaths {
      let file = try MappedFile(path: part)
      entries += try GGUFHeader(file, part: files.count).entries
      files.append(file)
    }
    var indices: [String: Int] = [:]
    for (index, entry) in entries.enumerated() {
      guard indices.updateValue(index, forKey: entry.name) == nil else {
        throw GGUFError.tensor(file: files[entry.part].path, tensor: entry.name, problem: "occurs twice")
      }
    }
    if let count = header.metadata["split.tensors.count"]?.integer, count != entries.count {
      throw GGUFError.metadata(
        file: path, key: "split.tensors.count", problem: "says \(count) tensors, there are \(entries.count)")
    }
    self.files = files
    self.entries = entries
    self.indices = indices
    metadata = header.metadata
  }

  /// The tensor of that name, if there is one.
  public func entry(_ name: String) -> Entry? { indices[name].map { entries[$0] } }

  /// The stored bytes of a tensor.
  public func bytes(_ entry: Entry) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: files[entry.part].bytes[entry.range])
  }

  /// The tensor as the kernels see it, its innermost rows one after the other.
  package func view(_ entry: Entry) -> MatrixView {
    let bytes = bytes(entry), rows = entry.rows, columns = entry.columns
    if let format = entry.type.format {
      return MatrixView(blocks: bytes, format: format, rows: rows, columns: columns)
    }
    let storage = entry.type.elementType?.storage ?? .f32
    return MatrixView(dense: bytes, storage: storage, rows: rows, columns: columns)
  }

  /// All numbers of a tensor as float32.
  public func decoded(_ entry: Entry) -> Tensor {
    var tensor = Tensor(uninitialized: Shape(entry.shape), in: .weights)
    tensor.withMutableElements { Kernels.decode($0, view(entry), first: 0) }
    return tensor
  }
}
