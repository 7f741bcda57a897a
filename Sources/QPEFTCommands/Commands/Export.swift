internal import ArgumentParser

/// `qpeft export`.
struct Export: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a model or an adapter in the form of other programs.",
    discussion: """
      A model becomes a GGUF file for llama.cpp and Ollama; an adapter becomes a GGUF adapter, or a directory for mlx-lm.

        qpeft export gguf --model smol-nf4 --adapter adapter --output smol.gguf
        qpeft export gguf-adapter --model smol-nf4 --adapter adapter \\
          --output adapter.gguf
        qpeft export mlx-adapter --model smol-nf4 --adapter adapter \\
          --output adapter-mlx
      """,
    subcommands: [ExportGGUF.self, ExportGGUFAdapter.self, ExportMLXAdapter.self])
}
