// Memory that training takes, planned and measured, on random weights of any Llama shape: Docs/MemoryModel.md.

internal import ArgumentParser

struct MemoryBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Planned and measured memory of training on random weights.",
    subcommands: [MakeModel.self, Measure.self, Flat.self, Cache.self])
}

MemoryBenchmark.main()
