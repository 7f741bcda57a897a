import QPEFTTensor
import Testing

@Suite struct ByteWordsTests {
  @Test(arguments: [
    (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB"), (4_562_600_000, "4.6 GB"),
  ])
  func `counts in words`(count: Int, words: String) { #expect(ByteWords.short(count) == words) }

  @Test func `counts that may differ by little keep their digits`() {
    #expect(ByteWords.exact(512) == "512 bytes")
    #expect(ByteWords.exact(268_391_992) == "268.4 MB (268391992 bytes)")
  }
}
