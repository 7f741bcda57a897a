internal import QPEFTJSON
public import QPEFTQuantization

/// What bitsandbytes writes beside the codes of a matrix, as the tensor `X.weight.quant_state.bitsandbytes__nf4`.
public struct QuantState: Hashable, Sendable {
  /// Levels, block size and whether scales are quantized.
  public let scheme: QuantizationScheme
  /// torch's name of the type the weights had: `bfloat16`, `float16` or `float32`.
  public let typeName: String
  /// Extents of the matrix.
  public let shape: [Int]
  /// With quantized scales: scales for one scale of scales.
  public let nestedBlockSize: Int
  /// With quantized scales: the mean that was taken off.
  public let nestedOffset: Float

  /// The state of a matrix.
  public init(
    scheme: QuantizationScheme, typeName: String, shape: [Int],
    nestedBlockSize: Int = QuantizationScheme.nestedBlockSize, nestedOffset: Float = 0
  ) {
    self.scheme = scheme
    self.typeName = typeName
    self.shape = shape
    self.nestedBlockSize = nestedBlockSize
    self.nestedOffset = nestedOffset
  }

  /// Ends of the names of tensors that hold a state, by format.
  static func key(_ weight: String, _ format: QuantizationScheme.Format) -> String {
    "\(weight).quant_state.bitsandbytes__\(format.rawValue)"
  }

  /// Reads the JSON of a state; `tensor` is the name in errors.
  init(parsing bytes: UnsafeRawBufferPointer, tensor: String) throws(CheckpointError) {
    func fail(_ problem: String) -> CheckpointError {
      .quantization(tensor: tensor, problem: "quant_state: \(problem)")
    }
    let json: JSONValue
    do { json = try JSONValue(parsing: bytes.bindMemory(to: UInt8.self), repeatedNames: .refused) } catch {
      throw fail("\(error)")
    }
    guard let name = json["quant_type"]?.string, let format = QuantizationScheme.Format(rawValue: name) else {
      throw fail("quant_type is neither nf4 nor fp4")
    }
    guard let blockSize = json["blocksize"]?.integer, QuantizationScheme.blockSizes.contains(blockSize) else {
      throw fail("blocksize is none that bitsandbytes writes")
    }
    guard let typeName = json["dtype"]?.string else { throw fail("there is no dtype") }
    guard let shape = json["shape"]?.array?.compactMap(\.integer), shape.count == 2, shape.allSatisfy({ $0 > 0 }),
      !shape[0].multipliedReportingOverflow(by: shape[1]).overflow
    else { throw fail("shape is not a number of rows and of columns") }
    let isNested = json["nested_blocksize"] != nil
    self.init(
      scheme: QuantizationScheme(format: format, blockSize: blockSize, quantizesScales: isNested), typeName: typeName,
      shape: shape, nestedBlockSize: json["nested_blocksize"]?.integer ?? QuantizationScheme.nestedBlockSize,
      nestedOffset: Float(json["nested_offset"]?.number ?? 0))
    guard isNested else { return }
    guard (1...(1 << 30)).contains(nestedBlockSize) else { throw fail("nested_blocksize is out of range") }
    guard json["nested_offset"]?.number != nil else { throw fail("there is no nested_offset") }
    guard json["nested_dtype"]?.string == "float32" else { throw fail("nested_dtype is not float32") }
  }

  /// The JSON as Python's `json.dumps` writes it.
  public var text: String {
    var object: JSONObject = [
      "quant_type": .string(scheme.format.rawValue), "blocksize": .integer(scheme.blockSize),
      "dtype": .string(typeName), "shape": .array(shape.map { .integer($0) }),
    ]
    if scheme.quantizesScales {
      object["nested_blocksize"] = .integer(nestedBlockSize)
      object["nested_dtype"] = "float32"
      object["nested_offset"] = .number(Double(nestedOffset))
    }
    return JSONValue.object(object).text(.line)
  }
}
