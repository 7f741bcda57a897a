/// A model in several files, as llama.cpp's `gguf-split` names them: `NAME-00001-of-00003.gguf`.
struct GGUFSplit {
  /// The files after the first, in their order.
  let otherPaths: [String]

  /// Reads what the header of the file at `path` says.
  init(_ header: GGUFHeader, path: String) throws(GGUFError) {
    guard let value = header.metadata["split.count"] else {
      otherPaths = []
      return
    }
    guard let count = value.integer, (0...9999).contains(count) else {
      throw .metadata(file: path, key: "split.count", problem: "is not a number of files")
    }
    guard count > 1 else {
      otherPaths = []
      return
    }
    let ending = Self.ending(1, of: count)
    guard header.metadata["split.no"]?.integer == 0, path.hasSuffix(ending) else {
      throw .notFirstPart(file: path, first: ending)
    }
    otherPaths = (2...count).map { path.dropLast(ending.count) + Self.ending($0, of: count) }
  }

  /// How the name of a part ends.
  static func ending(_ part: Int, of count: Int) -> String { "-\(digits(part))-of-\(digits(count)).gguf" }

  private static func digits(_ number: Int) -> String {
    String(repeating: "0", count: max(0, 5 - "\(number)".count)) + "\(number)"
  }
}
