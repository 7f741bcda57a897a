import Foundation
import FuzzTargets
import Testing

/// Files with changed bytes end in an error of their reader or in a result, never in a trap. Docs/Reliability.md.
@Suite("Files from strangers") struct MutationTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// A file, and who reads it.
  struct Sample: Sendable, CustomTestStringConvertible {
    let path: String
    let target: FuzzTarget
    var testDescription: String { "\(target) \(path)" }
    var bytes: [UInt8] { FileManager.default.contents(atPath: MutationTests.root + "/" + path).map(Array.init) ?? [] }
  }

  /// Every fixture that a reader is for, and every seed of the fuzz targets.
  static let samples: [Sample] = {
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: root)) ?? []
    return names.sorted().compactMap { name in
      if name.hasPrefix("Tests/Fuzz/corpus/") {
        let parts = name.split(separator: "/")
        return parts.count == 5 ? FuzzTarget(rawValue: String(parts[3])).map { Sample(path: name, target: $0) } : nil
      }
      guard name.hasPrefix("Tests/Fixtures/") else { return nil }
      let target: FuzzTarget? =
        switch (name as NSString).lastPathComponent {
        case "config.json": .config
        case "adapter_config.json": .adapter
        case "tokenizer.json": .tokenizer
        case let file where file.hasSuffix(".index.json"): .index
        case let file where file.hasSuffix(".json"): .json
        case let file where file.hasSuffix(".jsonl"): .rows
        case let file where file.hasSuffix(".safetensors"): .safetensors
        case let file where file.hasSuffix(".gguf"): .gguf
        case let file where file.hasSuffix(".jinja"): .template
        case let file where file.hasSuffix(".model"): .vocabulary
        default: nil
        }
      return target.map { Sample(path: name, target: $0) }
    }
  }()

  @Test func `there are samples for every reader`() {
    #expect(Set(Self.samples.map(\.target)) == Set(FuzzTarget.allCases))
    #expect(Self.samples.filter { $0.path.hasPrefix("Tests/") }.count > 60)
  }

  @Test("changed bytes", arguments: samples)
  func changedBytes(sample: Sample) throws {
    let files = try ScratchFiles()
    let whole = sample.bytes
    try #require(!whole.isEmpty)
    var generator = Generator(state: UInt64(truncatingIfNeeded: whole.count))
    // What a reader decides by stands at the front; of a long file the rest is numbers.
    let head = min(whole.count, 4096)
    let start = ContinuousClock.now
    // At least ten rounds, however slow the machine.
    for round in 0..<150 where round < 10 || start.duration(to: .now) < .milliseconds(200) {
      var bytes = whole
      for _ in 0..<1 + round % 3 {
        let place = generator.below(round % 5 == 0 ? whole.count : head)
        bytes[place] =
          generator.below(2) == 0 ? bytes[place] ^ 1 << UInt8(generator.below(8)) : UInt8(generator.below(256))
      }
      if round % 10 == 9 { bytes.removeSubrange(generator.below(bytes.count)...) }
      expectReaderError { try sample.target.run(bytes, in: files) }
    }
  }

  @Test("cut off at every byte", arguments: samples)
  func cutOff(sample: Sample) throws {
    let files = try ScratchFiles()
    let whole = sample.bytes
    // Every byte of the seeds, one file of each kind, and of the front of each fixture; behind that up to 250 places.
    let head = min(whole.count, sample.path.hasPrefix("Tests/Fixtures/") ? 256 : 4096)
    let rest = stride(from: head, to: whole.count, by: 1 + (whole.count - head) / 250)
    for count in Array(0..<head) + Array(rest) {
      let error = expectReaderError { try sample.target.run(Array(whole[..<count]), in: files) }
      // Of weights there is no shorter file that is whole. (The end of a GGUF file may be padding.)
      let isWeights = sample.target == .safetensors || sample.target == .gguf && count + 64 < whole.count
      #expect(error != nil || !isWeights, "\(count) bytes of \(whole.count)")
    }
  }

  /// Whatever is thrown is an error of the readers' own.
  @discardableResult
  private func expectReaderError(_ body: () throws -> Void) -> (any Error)? {
    do { try body() } catch {
      #expect(FuzzTarget.isOwn(error), "\(type(of: error)): \(error)")
      return error
    }
    return nil
  }

  private struct Generator {
    var state: UInt64

    mutating func below(_ count: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % max(1, count)
    }
  }
}
