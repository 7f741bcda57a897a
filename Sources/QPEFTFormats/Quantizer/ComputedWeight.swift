package import QPEFTTensor

/// A tensor of a checkpoint whose numbers are computed on the way out, row by row: a merged weight, or a decoded one.
package struct ComputedWeight {
  /// Name in the checkpoint.
  package var name: String
  /// Extents, outermost first.
  package var shape: [Int]
  /// Type that the model computes with, for what remembers one.
  package var type: ElementType
  /// How it was stored, for reports.
  package var typeName: String
  /// Bytes that are read for it.
  package var byteCount: Int
  /// Fills a buffer with the numbers of a run of rows.
  package var decode: (UnsafeMutableBufferPointer<Float>, Range<Int>) -> Void
  /// Lets go of the pages that were read for rows.
  package var release: (Range<Int>) -> Void

  /// A tensor by its parts.
  package init(
    name: String, shape: [Int], type: ElementType, typeName: String? = nil, byteCount: Int,
    decode: @escaping (UnsafeMutableBufferPointer<Float>, Range<Int>) -> Void,
    release: @escaping (Range<Int>) -> Void = { _ in }
  ) {
    self.name = name
    self.shape = shape
    self.type = type
    self.typeName = typeName ?? type.rawValue
    self.byteCount = byteCount
    self.decode = decode
    self.release = release
  }
}
