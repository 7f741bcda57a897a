public import QPEFTKernels
public import QPEFTTensor

/// A matrix of a GGUF file, computed with where it lies in the mapped file; products decode its blocks as they go.
public struct GGUFMatrix: ViewedMatrix {
  /// The numbers as the kernels see them.
  public let view: MatrixView
  /// How they are stored.
  public let type: GGUFType
  /// Bytes in the file.
  public let byteCount: Int
  /// Keeps the file mapped.
  public let owner: any AnyObject & Sendable

  init(_ weight: GGUFLlama.Weight, in gguf: GGUFFile) {
    view = weight.view(in: gguf)
    type = weight.entry.type
    byteCount = weight.entry.range.count
    owner = gguf.files[weight.entry.part]
  }

  /// ggml's name of the type in lower case, for example `q4_k`.
  public var storageName: String { "\(type)" }
}
