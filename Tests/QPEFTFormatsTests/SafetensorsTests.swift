import Foundation
import QPEFTFormats
import QPEFTTensor
import Testing

@Suite("Safetensors") struct SafetensorsTests {
  @Test func `what is written is read back, aligned, in any order of writing`() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/x.safetensors"
      let plans: [SafetensorsWriter.Plan] = [
        .init(name: "bytes", type: .u8, shape: [3]), .init(name: "half", type: .f16, shape: [1, 3]),
        .init(name: "float", type: .f32, shape: [2, 2]), .init(name: "empty", type: .f32, shape: [0, 4]),
        .late(name: "state", limit: 100), .init(name: "scalar", type: .bf16, shape: []),
      ]
      let writer = try SafetensorsWriter(path: path, tensors: plans, metadata: ["format": "pt", "ü": "\"q\""])
      #expect(!FileManager.default.fileExists(atPath: path))
      writer.writeLate("state", Array("{}".utf8))
      func put(_ name: String, _ bytes: [UInt8], at offset: Int = 0) throws {
        try bytes.withUnsafeBytes { try writer.write(name, $0, at: offset) }
      }
      try put("half", [1, 2, 3, 4, 5, 6])
      try put("bytes", [9, 8], at: 1)
      try put("bytes", [7])
      try put("float", Array(0..<16))
      try put("scalar", [0x80, 0x3F])
      try writer.finish()
      let file = try SafetensorsFile(path: path)
      #expect(file.metadata == ["format": "pt", "ü": "\"q\""])
      #expect(Array(file.bytes(try file.requireEntry("bytes"))) == [7, 9, 8])
      #expect(Array(file.bytes(try file.requireEntry("half"))) == [1, 2, 3, 4, 5, 6])
      #expect(Array(file.bytes(try file.requireEntry("float"))) == Array(0..<16))
      #expect(Array(file.bytes(try file.requireEntry("state"))) == Array("{}".utf8))
      #expect(try file.requireEntry("scalar").shape == [])
      #expect(try file.requireEntry("empty").shape == [0, 4])
      let start = try #require(file.entries.map(\.range.lowerBound).min())
      #expect(start % 64 == 0)
      for entry in file.entries { #expect(entry.range.lowerBound % entry.type.byteWidth == 0, "\(entry.name)") }
    }
  }

  @Test func `a file that is never finished leaves nothing`() throws {
    try withTemporaryDirectory { directory in
      do {
        let writer = try SafetensorsWriter(
          path: directory + "/x.safetensors", tensors: [.init(name: "a", type: .u8, shape: [1])])
        try [UInt8(1)].withUnsafeBytes { try writer.write("a", $0) }
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
    }
  }

  @Test func `numbers that do not lie at a multiple of their width are read`() throws {
    try withTemporaryDirectory { directory in
      let header = #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#
      for padding in 0..<4 {
        let path = directory + "/\(padding).safetensors"
        var bytes = safetensors(header: header + String(repeating: " ", count: padding), data: 0)
        for value: Float in [1.5, -2] { withUnsafeBytes(of: value) { bytes += Array($0) } }
        try write(bytes, to: path)
        #expect(try decodedTensors(path)["a"]?.elements == [1.5, -2])
      }
    }
  }

  @Test func `a missing tensor is an error that names file and tensor`() throws {
    let file = try SafetensorsFile(path: fixture("tiny-llama/tied-f32/model.safetensors"))
    #expect(throws: SafetensorsError.missingTensor(file: file.file.path, tensor: "nope")) {
      try file.requireEntry("nope")
    }
  }
}
