import Foundation
import QPEFTAutodiff
import QPEFTFormats
import QPEFTKernels
import QPEFTLayers
import QPEFTModels
import QPEFTTensor
import Testing

/// Numbers made by transformers, peft and bitsandbytes: `Tests/Fixtures/tiny-llama/PROVENANCE.md`.
@Suite("Tiny Llamas answer as transformers and bitsandbytes do", .serialized)
struct GoldenLogitsTests {
  static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/tiny-llama").path

  struct Golden: Decodable {
    let loss, logit_min, logit_max: Double
    let trained_tokens: Int
  }

  /// A model's weights, and a head beside them.
  private struct WithHead: WeightSource {
    let base: HuggingFaceDirectory
    let head: Tensor

    func contains(_ name: String) -> Bool { name == "lm_head.weight" || base.contains(name) }
    func frozenMatrix(named name: String) throws -> any FrozenMatrix {
      name == "lm_head.weight" ? DenseMatrix(head) : try base.frozenMatrix(named: name)
    }
    func vector(named name: String) throws -> Tensor { try base.vector(named: name) }
  }

  @Test("a head beside the embedding that is said to be the head must be the same")
  func untiedHead() throws {
    let directory = try HuggingFaceDirectory(path: "\(Self.fixtures)/tied-f32")
    let table = try directory.frozenMatrix(named: "model.embed_tokens.weight")
    var head = table.rows((0..<table.rows).map(Int32.init))
    _ = try Models.open(config: directory.configData, weights: WithHead(base: directory, head: head))
    head.withMutableElements { $0[$0.count - 1] += 1 }
    #expect(throws: ModelError.untiedHead(tensor: "lm_head.weight")) {
      try Models.open(config: directory.configData, weights: WithHead(base: directory, head: head))
    }
  }

  @Test(
    "logits and loss",
    arguments: [
      "tied-f32", "untied-bf16-bias", "rope-llama3", "rope-linear", "curve-bf16", "tied-f32-nf4dq",
      "untied-bf16-bias-nf4dq", "curve-bf16-nf4dq", "tied-f32-fp4",
    ])
  func logits(name: String) throws {
    let path = "\(Self.fixtures)/\(name)"
    let directory = try HuggingFaceDirectory(path: path)
    let model = try Models.open(config: directory.configData, weights: directory)
    let file = try SafetensorsFile(path: "\(path)/golden.safetensors")
    let golden = try JSONDecoder().decode(
      Golden.self, from: Data(contentsOf: URL(fileURLWithPath: "\(path)/golden.json")))
    let documents = try Documents(file)
    let batch = documents.batch

    let logits = model.logits(batch)
    let wanted = try documents.rows(of: file, "logits")
    let range = golden.logit_max - golden.logit_min
    let worst = zip(logits.elements, wanted).reduce(0.0) { max($0, Double(abs($1.0 - $1.1))) }
    #expect(worst < 2e-4 * range, "worst difference \(worst) of a range of \(range)")

    let tape = Tape(isRecording: false)
    let hidden = model.hidden(batch, on: tape, recompute: RecomputePlan(.keepAll), cache: nil)
    #expect(batch.trainedCount == golden.trained_tokens)
    let loss = hidden.headCrossEntropy(model.head, labels: batch.labels, normalizer: Double(batch.trainedCount))
    #expect(abs(Double(loss.value.scalar) - golden.loss) < 1e-4 * golden.loss)
  }

  @Test(
    "a cache changes nothing: token by token gives the logits of the whole, and in float16 nearly",
    arguments: ["tied-f32", "rope-llama3"], CacheType.allCases)
  func cache(name: String, type: CacheType) throws {
    let path = "\(Self.fixtures)/\(name)"
    let directory = try HuggingFaceDirectory(path: path)
    let model = try Models.open(config: directory.configData, weights: directory)
    let ids = try Documents(SafetensorsFile(path: "\(path)/golden.safetensors")).documents[0].ids
    let whole = model.logits(TokenBatch(ids: ids))
    let cache = model.makeCache(capacity: ids.count, type: type)
    var found = model.logits(TokenBatch(ids: Array(ids[..<3])), cache: cache).elements
    for index in 3..<ids.count {
      found += model.logits(TokenBatch(ids: [ids[index]], firstPosition: index), cache: cache).elements
    }
    let scale = whole.elements.reduce(0) { max($0, abs($1)) }
    let bound: Float = type == .f32 ? 1e-4 : 1e-3  // float16 rounds by at most 1 in 2048
    for (a, b) in zip(found, whole.elements) { #expect(abs(a - b) < bound * scale) }
  }
}

/// The documents of a golden file, without padding.
struct Documents {
  struct Document {
    let ids: [Int32]
    let isTrained: [Bool]
    let rows: Range<Int>
  }
  var documents: [Document] = []
  let length: Int

  init(_ file: SafetensorsFile) throws {
    let shape = try file.requireEntry("input_ids").shape
    length = shape[1]
    let ids = try Self.integers(file, "input_ids")
    let mask = try Self.integers(file, "attention_mask")
    let labels = try Self.integers(file, "labels")
    for row in 0..<shape[0] {
      let start = row * length
      let count = mask[start..<(start + length)].reduce(0) { $0 + Int($1) }
      let rows = start..<(start + count)
      documents.append(Document(ids: Array(ids[rows]), isTrained: labels[rows].map { $0 >= 0 }, rows: rows))
    }
  }

  var batch: TokenBatch {
    var batch = TokenBatch()
    for document in documents { batch.append(ids: document.ids, isTrained: document.isTrained) }
    return batch
  }

  /// The rows of a tensor `[documents, length, width]` that are not padding.
  func rows(of file: SafetensorsFile, _ name: String) throws -> [Float] {
    let entry = try file.requireEntry(name)
    let width = entry.shape[2]
    let all = file.bytes(entry)
    return documents.flatMap { document in
      (document.rows.lowerBound * width..<document.rows.upperBound * width).map {
        all.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self)
      }
    }
  }

  private static func integers(_ file: SafetensorsFile, _ name: String) throws -> [Int32] {
    let bytes = file.bytes(try file.requireEntry(name))
    return (0..<(bytes.count / 4)).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Int32.self) }
  }
}
