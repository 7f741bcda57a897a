internal import ArgumentParser
internal import Foundation
internal import QPEFT

/// `qpeft generate`.
struct Generate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Let a model write.",
    discussion: """
      Text appears as it is made, until the model's end token. --chat puts the prompt into the model's chat template; without \
      --prompt it is a conversation, one line a turn.

        qpeft generate --model smol-nf4 --prompt "Once upon a time" --max-tokens 100
        qpeft generate --model smol-nf4 --adapter adapter --chat \\
          --prompt "Wake me up at 6:45"
        qpeft generate --model smol-nf4 --chat --temperature 0.7 --top-p 0.9
      """)

  @OptionGroup(title: "Model") var model: ModelOptions

  @Option(parsing: .unconditional, help: "What to go on from.")
  var prompt: String?

  @Flag(help: "Use the model's chat template.")
  var chat = false

  @Option(parsing: .unconditional, help: "What the model is told before a conversation.")
  var system: String?

  @Option(parsing: .unconditional, help: "New tokens at most.")
  var maxTokens = GenerationOptions().maximumTokens

  @Option(
    parsing: .unconditional, help: "0: the likeliest token always; 1: as likely as the model says; above: bolder.")
  var temperature: Float = 0

  @Option(
    parsing: .unconditional,
    help: "With --temperature: choose among this many likeliest tokens; 0: among all. (default: 0)")
  var topK: Int?

  @Option(
    parsing: .unconditional,
    help: "With --temperature: choose among the likeliest tokens that together have this probability. (default: 1)")
  var topP: Float?

  @Option(parsing: .unconditional, help: "With --temperature: the same seed gives the same text. (default: 0)")
  var seed: UInt64?

  @Flag(
    help: """
      Compute in float32 throughout, which is slower; else products of a single token are in 15-bit whole numbers, and \
      keys and values of earlier tokens are kept in float16.
      """
  )
  var exact = false

  @OptionGroup var threads: ThreadOptions

  func validate() throws {
    if prompt == nil && !chat { throw ValidationError("Give --prompt, or --chat for a conversation.") }
    if prompt?.isEmpty == true { throw ValidationError("--prompt is empty.") }
    if system != nil && !chat { throw ValidationError("--system belongs to --chat.") }
    if maxTokens < 1 { throw ValidationError("--max-tokens must be at least 1.") }
    if !(temperature >= 0 && temperature.isFinite) { throw ValidationError("--temperature must be 0 or more.") }
    if let topK, topK < 0 { throw ValidationError("--top-k must be 0 or more.") }
    if let topP, !(topP > 0 && topP <= 1) { throw ValidationError("--top-p must be above 0 and at most 1.") }
    let sampling = [("--top-k", topK != nil), ("--top-p", topP != nil), ("--seed", seed != nil)]
    if temperature == 0, let option = sampling.first(where: \.1)?.0 {
      throw ValidationError("\(option) needs a --temperature above 0: without one the likeliest token is taken always.")
    }
  }

  private var options: GenerationOptions {
    var options = GenerationOptions()
    options.maximumTokens = maxTokens
    options.temperature = temperature
    options.topK = topK ?? 0
    options.topP = topP ?? 1
    options.seed = seed ?? 0
    if exact { (options.arithmetic, options.cacheType) = (.float32, .f32) }
    return options
  }

  func run() async throws {
    try threads.apply()
    let tuned = try model.open()
    guard chat else {
      try show(tuned.generate(prompt ?? "", options: options))
      return
    }
    var messages = system.map { [ChatMessage(role: "system", content: $0)] } ?? []
    if let prompt {
      messages.append(ChatMessage(role: "user", content: prompt))
      try show(tuned.reply(to: messages, options: options))
    } else {
      try converse(tuned, &messages)
    }
  }

  private func converse(_ tuned: AdaptedModel, _ messages: inout [ChatMessage]) throws {
    let isInteractive = isatty(STDIN_FILENO) == 1
    while true {
      if isInteractive { Terminal.standard.write("> ") }
      guard let line = readLine() else { break }
      if line.isEmpty { continue }
      messages.append(ChatMessage(role: "user", content: line))
      let answer = try show(tuned.reply(to: messages, options: options))
      messages.append(ChatMessage(role: "assistant", content: answer))
    }
    if isInteractive { Terminal.standard.line() }
  }

  @discardableResult
  private func show(_ stream: TextStream) throws -> String {
    var whole = ""
    for piece in stream {
      whole += piece
      Terminal.standard.show(piece)
    }
    Terminal.standard.write("\n")
    return whole
  }
}
