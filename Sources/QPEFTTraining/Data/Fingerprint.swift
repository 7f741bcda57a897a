internal import QPEFTAutodiff
internal import QPEFTLayers
public import QPEFTModels
package import QPEFTTensor

/// A 64-bit number that changes where contents change (FNV-1a): it detects mistakes, not attacks.
public struct Fingerprint: Hashable, Sendable, CustomStringConvertible {
  private(set) var number: UInt64 = 0xCBF2_9CE4_8422_2325

  /// The fingerprint of nothing.
  public init() {}

  /// The fingerprint of numbers.
  init(_ numbers: [UInt64]) { numbers.forEach { combine($0) } }

  /// The fingerprint of rows: tokens and marks.
  public init(rows: [TrainingRow]) {
    combine(UInt64(rows.count))
    for row in rows {
      combine(UInt64(row.ids.count))
      for (id, isTrained) in zip(row.ids, row.isTrained) {
        combine(UInt64(UInt32(bitPattern: id)) << 1 | (isTrained ? 1 : 0))
      }
    }
  }

  /// The fingerprint of a frozen model: sizes, storage, and a row of every linear layer and of the head.
  public init(model: any LanguageModel) {
    for group in model.weightGroups {
      group.storage.utf8.forEach { combine(UInt64($0)) }
      combine(UInt64(group.bytes))
    }
    if !(model.head is ParameterMatrix) { combine(model.head) }
    for linear in model.linears { combine(linear.base.weight) }
  }

  /// The fingerprint of a frozen model's files, byte by byte, and of what else decides its numbers. Pages are given back as soon
  /// as they are read.
  package init(files: [MappedFile], and rest: [[UInt8]]) {
    for file in files {
      combine(UInt64(file.bytes.count))
      for start in stride(from: 0, to: file.bytes.count, by: Self.pieceByteCount) {
        let piece = start..<min(start + Self.pieceByteCount, file.bytes.count)
        combine(words: UnsafeRawBufferPointer(rebasing: file.bytes[piece]))
        file.release(piece)
      }
    }
    for bytes in rest { combine(bytes.withUnsafeBytes { Fingerprint(bytes: $0).number }) }
  }

  /// The fingerprint of bytes.
  init(bytes: UnsafeRawBufferPointer) {
    combine(UInt64(bytes.count))
    combine(words: bytes)
  }

  private static let pieceByteCount = 8 << 20

  /// Eight bytes in a step. Every step is a bijection of the number, so one changed word always changes the outcome.
  private mutating func combine(words bytes: UnsafeRawBufferPointer) {
    var state = number
    let whole = bytes.count / 8 * 8
    for offset in stride(from: 0, to: whole, by: 8) {
      state = (state ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* 0x9E37_79B9_7F4A_7C15
      state = state << 29 | state >> 35
    }
    number = state
    for byte in bytes[whole...] { combine(UInt64(byte)) }
  }

  /// The fingerprint of tokens.
  init(ids: ArraySlice<Int32>) {
    combine(UInt64(ids.count))
    for id in ids { combine(UInt64(UInt32(bitPattern: id))) }
  }

  private mutating func combine(_ matrix: any FrozenMatrix) {
    matrix.rows([Int32(matrix.rows / 2)]).withElements { $0.forEach { combine(UInt64($0.bitPattern)) } }
    matrix.release()
  }

  private mutating func combine(_ value: UInt64) {
    for shift in stride(from: 0, to: 64, by: 8) {
      number = (number ^ (value >> UInt64(shift) & 0xFF)) &* 0x100_0000_01B3
    }
  }

  /// Sixteen hexadecimal digits.
  public var description: String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
