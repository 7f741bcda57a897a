/// The files of a Hugging Face directory that say about text, made from the metadata of a GGUF file.
package struct GGUFTextFiles {
  package let files: [(name: String, bytes: [UInt8])]

  /// Weights are not looked at: a file with a vocabulary alone will do.
  package init(_ gguf: GGUFFile) throws(GGUFError) {
    let tokenizer = try GGUFTokenizer(gguf)
    files = [
      ("tokenizer.json", tokenizer.tokenizer),
      ("tokenizer_config.json", QuantizerSource.text(tokenizer.configuration)),
      ("generation_config.json", QuantizerSource.text(try GGUFLlama.generationConfig(gguf))),
    ]
  }
}
