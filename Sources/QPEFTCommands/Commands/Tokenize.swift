internal import ArgumentParser
internal import Foundation
internal import QPEFT
internal import QPEFTJSON

/// `qpeft tokenize`.
struct Tokenize: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Texts to token ids and back, and chats as the model sees them.",
    discussion: """
      Reads one text a line from the standard input and prints its ids as one JSON array a line; the way back with \
      --decode. --chat prints for every row of a file, as one JSON object a line, the text that the chat template makes, \
      its ids, and which of them are trained (1) or not (0). The model needs no weights: its tokenizer files are enough.

        echo "Hello world" | qpeft tokenize --model smol-nf4
        echo "[19556, 905]" | qpeft tokenize --model smol-nf4 --decode
        qpeft tokenize --model smol-nf4 --json < strings.jsonl > ids.jsonl
        qpeft tokenize --model smol-nf4 --chat train.jsonl
      """)

  @Option(help: ArgumentHelp("A directory, a .gguf file, or ORG/NAME of the hub (see pull).", valueName: "model"))
  var model: String

  @Flag(help: "Texts are JSON strings, one a line.")
  var json = false

  @Flag(help: "Read ids, one JSON array a line, and print the text of each.")
  var decode = false

  @Option(
    help: ArgumentHelp("Print the rows of this file: text, ids, and what is trained.", valueName: "file.jsonl"))
  var chat: String?

  @Option(help: "Which tokens of a --chat row are trained. (default: completion)")
  var trainOn: TrainOn?

  @Flag(help: "End --chat rows with what the template writes before an answer, as the model sees them when it answers.")
  var generationPrompt = false

  @Flag(help: "Leave the tokens out that the model wants around a text; with --decode, all special tokens.")
  var noSpecialTokens = false

  @Flag(help: "Leave bad lines out, with a word about each on the standard error output, instead of stopping.")
  var skipBad = false

  func validate() throws {
    if chat == nil, trainOn != nil { throw ValidationError("--train-on belongs to --chat.") }
    if chat != nil, decode || json || noSpecialTokens {
      throw ValidationError(
        "--chat reads a file of rows: it goes with --train-on, --generation-prompt and --skip-bad alone.")
    }
    if generationPrompt, chat == nil { throw ValidationError("--generation-prompt goes with --chat.") }
  }

  func run() async throws {
    let text = try ChatTokenizer.load(ModelTextFiles(model: model))
    var output = OutputLines()
    defer { output.flush() }
    if let chat {
      try printRows(chat, text, &output)
      return
    }
    var lines = TextLines(descriptor: STDIN_FILENO, name: "standard input")
    var workspace = Tokenizer.Workspace(text.tokenizer)
    while true {
      do throws(TextLineError) {
        if decode {
          guard let ids = try lines.ids() else { return }
          let decoded = text.tokenizer.decode(ids, skipSpecialTokens: noSpecialTokens)
          if json { output.line(JSONValue.string(decoded)) } else { output.line(decoded) }
        } else {
          guard let line = try json ? lines.jsonText() : lines.text() else { return }
          output.line(text.encode(line, addSpecialTokens: !noSpecialTokens, &workspace))
        }
      } catch {
        guard skipBad, error.concernsOneLine else { throw error }
        Terminal.printError("skipped: \(error)")
      }
    }
  }

  private func printRows(_ path: String, _ text: ChatTokenizer, _ output: inout OutputLines) throws {
    var options = DatasetOptions(trainOn: generationPrompt ? .all : trainOn ?? .completion, skipsBadRows: skipBad)
    options.addsGenerationPrompt = generationPrompt
    let rows = try TokenizedDataset(contentsOf: path, text, options)
    for error in rows.rejected { Terminal.printError("skipped: \(error)") }
    if rows.report.rejectedRows > rows.rejected.count {
      Terminal.printError("skipped: \(Format.count(rows.report.rejectedRows, "row")) in all")
    }
    for index in 0..<rows.count { output.line(json(try rows.example(at: index))) }
  }

  private func json(_ row: TrainingExample) -> JSONValue {
    var object: JSONObject = [
      "line": .integer(row.line), "text": .string(row.text), "ids": .array(row.tokens.map { .integer(Int($0)) }),
    ]
    if !generationPrompt { object["trained"] = .array(row.isTrained.map { .integer($0 ? 1 : 0) }) }
    return .object(object)
  }
}
