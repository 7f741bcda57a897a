internal import QPEFTAutodiff
internal import QPEFTLayers
public import QPEFTModels
internal import QPEFTTensor

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
