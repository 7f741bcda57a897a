internal import QPEFTQuantization
internal import QPEFTTensor

extension HuggingFaceDirectory {
  /// The matrix of a bitsandbytes 4-bit weight, read in place; nil where `name` has no quantization state.
  func quantizedMatrix(named name: String) throws(CheckpointError) -> Quantized4BitMatrix? {
    let keys = QuantizationScheme.Format.allCases.map { QuantState.key(name, $0) }.filter { contains($0) }
    guard let key = keys.first else { return nil }
    guard keys.count == 1 else { throw .quantization(tensor: name, problem: "has an nf4 and an fp4 state") }
    let state = try QuantState(parsing: tensor(named: key).bytes, tensor: name)
    guard key == QuantState.key(name, state.scheme.format) else {
      throw .quantization(tensor: name, problem: "quant_type is not what the name of the state says")
    }
    let codes = try tensor(named: name)
    let count = state.shape[0] * state.shape[1]
    guard codes.bytes.count == count / 2 + count % 2 else {
      throw .quantization(
        tensor: name, problem: "\(codes.bytes.count) bytes of codes for \(state.shape[0])x\(state.shape[1]) weights")
    }
    let blocks = (count - 1) / state.scheme.blockSize + 1
    let levels = try floats(name, ".quant_map", count: 16)
    var owners: [any AnyObject & Sendable] = [codes.file, levels.owner]
    let scales: Quantized4BitMatrix.Scales
    if state.scheme.quantizesScales {
      let scaleCodes = try tensor(named: name + ".absmax")
      guard scaleCodes.type == .u8, scaleCodes.bytes.count == blocks else {
        throw .quantization(tensor: name + ".absmax", problem: "is not a list of \(blocks) U8")
      }
      let map = try floats(name, ".nested_quant_map", count: 256)
      let absmax = try floats(name, ".nested_absmax", count: (blocks - 1) / state.nestedBlockSize + 1)
      owners += [scaleCodes.file, map.owner, absmax.owner]
      scales = .nested(
        codes: scaleCodes.bytes.bindMemory(to: UInt8.self), map: map.values, absmax: absmax.values,
        block: state.nestedBlockSize, offset: state.nestedOffset)
    } else {
      let absmax = try floats(name, ".absmax", count: blocks)
      owners.append(absmax.owner)
      scales = .plain(absmax.values)
    }
    return Quantized4BitMatrix(
      codes: codes.bytes, levels: levels.values, scales: scales, scheme: state.scheme, rows: state.shape[0],
      columns: state.shape[1], owner: Owners(owners))
  }

  /// A list of floats beside a weight: in place, or copied where it does not lie at a multiple of four bytes.
  private func floats(
    _ weight: String, _ suffix: String, count: Int
  ) throws(CheckpointError) -> (values: UnsafeBufferPointer<Float>, owner: any AnyObject & Sendable) {
    let tensor = try tensor(named: weight + suffix)
    guard tensor.type == .f32, tensor.bytes.count == 4 * count else {
      throw .quantization(tensor: weight + suffix, problem: "is not a list of \(count) F32")
    }
    let (bytes, owner) = tensor.aligned()
    return (bytes.bindMemory(to: Float.self), owner)
  }
}
