internal import Foundation
public import QPEFTFormats
internal import QPEFTTensor

/// On the disk, what the frozen lower blocks of a model made of documents: one file a document.
///
/// A file is found by the model that wrote it (its files byte by byte, kernels, number of blocks) and by the document's tokens,
/// all of which it repeats. The first one found is computed again and compared; if it differs, because another version of the
/// kernels wrote it say, nothing that was there is used. What is damaged counts as missing.
public final class ActivationCache {
  /// How numbers are kept.
  public enum Storage: String, Sendable, Codable, CaseIterable {
    /// As they are: a run that computes in float32 has the same bits as without a cache.
    case f32
    /// Rounded to bfloat16, at half the size; also in the epoch that writes them, so that all epochs are alike.
    case bf16
  }

  /// Directory of all caches.
  public let directory: String
  /// How numbers are kept.
  public let storage: Storage
  /// The first thing that went wrong with writing.
  public private(set) var failure: FileError?
  /// Documents that were found, and those that were computed and kept, so far.
  public private(set) var found = 0
  /// See `found`.
  public private(set) var kept = 0
  let blockCount, width: Int
  /// Whether what is found needs no comparison any more.
  private(set) var isVerified = false
  private let key: () -> Fingerprint
  private lazy var folder = "\(directory)/\(key())"

  /// A cache in `directory` of rows [n, `width`] that leave the first `blockCount` blocks. `key` says which model that is; it is
  /// asked for when the first row is, since that may take reading the whole model.
  init(directory: String, storage: Storage, blockCount: Int, width: Int, key: @escaping () -> Fingerprint) {
    self.directory = directory
    self.storage = storage
    self.blockCount = blockCount
    self.width = width
    self.key = key
  }

  private var byteWidth: Int { storage == .f32 ? 4 : 2 }

  /// Bytes of the file of a document with so many tokens.
  private func byteCount(tokens: Int) -> Int { Entry.headerByteCount + tokens * (4 + width * byteWidth) }

  /// Bytes of the files of all rows.
  func byteCount(of sources: [any RowSource]) -> Int {
    sources.reduce(0) { sum, rows in (0..<rows.count).reduce(sum) { $0 + byteCount(tokens: rows.length(at: $1)) } }
  }

  /// Makes the folder and looks whether the disk has room for all rows that may come.
  func prepare(for rows: [any RowSource]) throws(FileError) {
    try OutputDirectory.make(folder, for: folder)
    let needed = byteCount(of: rows)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let there = names.reduce(0) { sum, name in
      var status = stat()
      return stat("\(folder)/\(name)", &status) == 0 ? sum + Int(status.st_size) : sum
    }
    try OutputDirectory.checkSpace(at: folder, needed: needed - there)
  }

  private func entry(_ ids: ArraySlice<Int32>) -> Entry {
    Entry(path: "\(folder)/\(Fingerprint(ids: ids)).rows", ids: ids, byteWidth: byteWidth)
  }

  /// The rows of a document; nil if they are not there. In a dry run they are.
  func read(_ ids: ArraySlice<Int32>) -> Tensor? {
    let shape: Shape = [ids.count, width]
    // Without the file no memory is asked for.
    let entry = Tensor.isPlanning ? nil : entry(ids)
    if let entry, access(entry.path, R_OK) != 0 { return nil }
    var isRead = true
    let rows: Tensor
    switch storage {
    case .f32:
      var numbers = Tensor(uninitialized: shape)
      numbers.withMutableElements { isRead = entry?.read(UnsafeMutableRawBufferPointer($0)) ?? false }
      rows = numbers
    case .bf16: rows = PackedTensor(shape) { isRead = entry?.read($0) ?? false }.tensor
    }
    guard isRead else { return nil }
    found += entry == nil ? 0 : 1
    return rows
  }

  /// Keeps the rows of a document and returns them as they will be read. What cannot be written is told by `failure`.
  func keep(_ rows: Tensor, of ids: ArraySlice<Int32>) -> Tensor {
    switch storage {
    case .f32:
      if !rows.isPhantom { rows.withElements { write(UnsafeRawBufferPointer($0), of: ids) } }
      return rows
    case .bf16:
      let packed = PackedTensor(rows)
      if !packed.isPhantom { packed.withBytes { write($0, of: ids) } }
      return packed.tensor
    }
  }

  private func write(_ numbers: UnsafeRawBufferPointer, of ids: ArraySlice<Int32>) {
    guard failure == nil else { return }
    do {
      try entry(ids).write(numbers)
      kept += 1
    } catch { failure = error }
  }

  /// Compares the first rows that were found with the same computed again. Where they differ, nothing that was there is good.
  /// Returns the rows of the document.
  func compare(_ found: Tensor, with computed: Tensor, of ids: ArraySlice<Int32>) -> Tensor {
    let expected = storage == .f32 ? computed : PackedTensor(computed).tensor
    if expected.isPhantom || found.isPhantom { return expected }
    isVerified = true
    let isSame = found.withElements { found in
      expected.withElements { UnsafeRawBufferPointer(found).elementsEqual(UnsafeRawBufferPointer($0)) }
    }
    if isSame { return found }
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where name.hasSuffix(".rows") {
      unlink("\(folder)/\(name)")
    }
    self.found = 0
    return keep(computed, of: ids)
  }
}

/// The file of one document: a mark, sizes, the fingerprint of the numbers, the tokens, and the numbers row by row.
private struct Entry {
  let path: String
  let ids: ArraySlice<Int32>
  let byteWidth: Int

  static let headerByteCount = 24

  /// Everything before the numbers, little-endian.
  private func header(_ numbers: Fingerprint) -> [UInt8] {
    func bytes<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
      withUnsafeBytes(of: value.littleEndian, Array.init)
    }
    return Array("qpeftrow".utf8) + bytes(UInt32(ids.count)) + bytes(UInt32(byteWidth)) + bytes(numbers.number)
      + ids.flatMap(bytes)
  }

  private var headerByteCount: Int { Self.headerByteCount + 4 * ids.count }

  /// Writes the file; it appears whole or never.
  func write(_ numbers: UnsafeRawBufferPointer) throws(FileError) {
    let file = try OutputFile(path: path)
    let result = header(Fingerprint(bytes: numbers)).withUnsafeBytes { bytes in
      Result { () throws(FileError) in try file.write(bytes, at: 0) }
    }
    try result.get()
    try file.write(numbers, at: headerByteCount)
    try file.finish()
  }

  /// Fills `numbers` from the file; false if it is not there, is another document's, or is damaged.
  func read(_ numbers: UnsafeMutableRawBufferPointer) -> Bool {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_size == off_t(headerByteCount + numbers.count) else {
      return false
    }
    var found = [UInt8](repeating: 0, count: headerByteCount)
    return found.withUnsafeMutableBytes { Self.read(descriptor, $0, at: 0) }
      && Self.read(descriptor, numbers, at: headerByteCount)
      && found == header(Fingerprint(bytes: UnsafeRawBufferPointer(numbers)))
  }

  private static func read(_ descriptor: Int32, _ bytes: UnsafeMutableRawBufferPointer, at offset: Int) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = pread(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done, off_t(offset + done))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      done += count
    }
    return true
  }
}
