internal import QPEFTJSON
/// Writes a safetensors file tensor by tensor, in any order, without holding more than is being written.
///
/// The header is planned first and its room kept free; data start at a multiple of 64 bytes and every tensor at a multiple
/// of its number's width (wide types first, then by name). A `late` tensor has bytes only at the end: its size may be below
/// what was planned. The file appears under its name on `finish`, complete and on the disk.
public final class SafetensorsWriter {
  /// A tensor that will be written.
  public struct Plan: Hashable, Sendable {
    /// Name in the header.
    public let name: String
    /// Type of the numbers.
    public let type: SafetensorsType
    /// Extents, outermost first.
    public let shape: [Int]
    /// For a list of U8 whose length, at most `shape[0]`, is known only when it is written.
    public let isLate: Bool

    /// A tensor of known size.
    public init(name: String, type: SafetensorsType, shape: [Int]) {
      self.init(name: name, type: type, shape: shape, isLate: false)
    }

    /// At most `limit` bytes whose number is known when they are written.
    public static func late(name: String, limit: Int) -> Plan {
      Plan(name: name, type: .u8, shape: [limit], isLate: true)
    }

    private init(name: String, type: SafetensorsType, shape: [Int], isLate: Bool) {
      self.name = name
      self.type = type
      self.shape = shape
      self.isLate = isLate
    }

    /// Bytes of its numbers (of a late tensor: at most).
    public var byteCount: Int { shape.reduce(type.byteWidth, *) }
  }

  private let file: OutputFile
  private let metadata: [String: String]
  private let plans: [Plan]
  private let dataStart: Int
  private var starts: [String: Int] = [:]
  private var late: [String: [UInt8]] = [:]
  private let fixedBytes: Int

  /// Plans a file at `path`.
  /// - Precondition: names are distinct.
  public init(path: String, tensors: [Plan], metadata: [String: String] = ["format": "pt"]) throws(FileError) {
    self.metadata = metadata
    plans = tensors.sorted {
      ($0.isLate ? 1 : 0, -$0.type.byteWidth, $0.name) < ($1.isLate ? 1 : 0, -$1.type.byteWidth, $1.name)
    }
    var names: Set<String> = []
    for plan in plans { precondition(names.insert(plan.name).inserted, "\(plan.name) was planned twice") }
    var offset = 0
    for plan in plans where !plan.isLate {
      starts[plan.name] = offset
      offset += plan.byteCount
    }
    fixedBytes = offset
    let header = Self.header(plans, metadata, lengths: [:])
    dataStart = (8 + header.count + 63) / 64 * 64
    file = try OutputFile(path: path)
  }

  /// Bytes of all tensors as they are now known: late ones that are not yet written count nothing.
  public var dataByteCount: Int { late.values.reduce(fixedBytes) { $0 + $1.count } }

  /// Writes bytes of a tensor, from the offset `offset` inside of it. Traps for a tensor that was not planned.
  public func write(_ name: String, _ bytes: UnsafeRawBufferPointer, at offset: Int = 0) throws(FileError) {
    guard let start = starts[name] else { preconditionFailure("\(name) was not planned") }
    try file.write(bytes, at: dataStart + start + offset)
  }

  /// Sets the bytes of a late tensor.
  public func writeLate(_ name: String, _ bytes: [UInt8]) { late[name] = bytes }

  /// Writes late tensors and header, and gives the file its name.
  public func finish() throws(FileError) {
    var tail: [UInt8] = []
    for plan in plans where plan.isLate {
      let bytes = late[plan.name] ?? []
      precondition(bytes.count <= plan.byteCount, "\(plan.name) is longer than planned")
      tail += bytes
    }
    var header = Self.header(plans, metadata, lengths: late.mapValues(\.count))
    precondition(header.count <= dataStart - 8, "the header outgrew its room")
    header += Array(repeating: UInt8(ascii: " "), count: dataStart - 8 - header.count)
    let prefix = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
    try file.write(prefix + header)
    try file.write(tail, at: dataStart + fixedBytes)
    try file.finish()
  }

  /// The header's JSON; late tensors have the given lengths, or the longest planned.
  private static func header(_ plans: [Plan], _ metadata: [String: String], lengths: [String: Int]) -> [UInt8] {
    var members: [(key: String, value: JSONValue)] = []
    if !metadata.isEmpty {
      var texts = JSONObject()
      for name in metadata.keys.sorted() { texts[name] = metadata[name].map { .string($0) } }
      members.append(("__metadata__", .object(texts)))
    }
    var offset = 0
    for plan in plans {
      let length = lengths[plan.name].flatMap { plan.isLate ? $0 : nil } ?? plan.byteCount
      let shape = plan.isLate ? [length] : plan.shape
      let entry: JSONValue = [
        "dtype": .string(plan.type.rawValue), "shape": .array(shape.map { .integer($0) }),
        "data_offsets": [.integer(offset), .integer(offset + length)],
      ]
      members.append((plan.name, entry))
      offset += length
    }
    return JSONValue.object(JSONObject(members)).bytes(.compact, keepsUnicode: true)
  }
}
