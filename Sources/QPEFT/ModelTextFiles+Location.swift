internal import Foundation
internal import QPEFTFormats
public import QPEFTText

extension ModelTextFiles {
  /// The files that say about text of the model that a person names: a directory, a `.gguf` file, or `ORG/NAME` of the
  /// hub's cache. Weights are not opened.
  /// - Throws: errors of files and names.
  public init(model name: String) throws {
    let path = try ModelLocation.path(of: name)
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), !isDirectory.boolValue else {
      try HuggingFaceDirectory.checkLinks(path)
      self.init(directory: path)
      return
    }
    let files = try GGUFTextFiles(try GGUFFile(path: path)).files
    self.init(Dictionary(files.map { ($0.name, $0.bytes) }) { first, _ in first }, place: path)
  }
}
