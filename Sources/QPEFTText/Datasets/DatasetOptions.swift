/// Which tokens of an example count in the loss.
public enum TrainOn: String, Sendable, Codable, CaseIterable {
  /// What the model is to write: completions, and the assistant's turns of a chat. Plain text is all of it.
  case completion
  /// The same, but of a chat the assistant's last turn alone.
  case last
  /// Every token.
  case all
}

/// How rows become examples.
public struct DatasetOptions: Sendable, Hashable, Codable {
  /// Longer examples lose their end; nil keeps them whole. Plain text is cut into rows of this length.
  public var maxLength: Int?
  /// Which tokens count in the loss.
  public var trainOn = TrainOn.completion
  /// Whether bad rows are left out and kept as ``TokenizedDataset/rejected`` instead of ending the reading.
  public var skipsBadRows = false
  /// For fields of a row (`prompt`, `completion`, …) the names that the file has for them. Where any is named, fields that
  /// are not named here are not read, but for `system`, `tools` and `chat_template_kwargs`.
  public var columns: [String: String] = [:]
  /// Whether preference pairs are trained on by their chosen answers; else they are an error.
  public var usesChosen = false

  /// Whether chats end with what precedes an answer, as a model sees them before it writes: to look at, with
  /// ``TrainOn/all``, not to train on.
  public var addsGenerationPrompt = false

  /// Whether a file of which no row can be used is a dataset without rows, to look at what is wrong with all of them,
  /// instead of an error. With ``skipsBadRows``.
  public var mayLackRows = false

  /// Fields that a row may have.
  public static let fields = [
    "text", "prompt", "completion", "messages", "conversations", "instruction", "input", "output", "chosen", "rejected",
    "system", "tools", "chat_template_kwargs",
  ]

  /// Fields that may be missing beside others.
  static let optionalFields = ["input", "system", "tools", "chat_template_kwargs"]

  /// Options with the given values.
  public init(maxLength: Int? = nil, trainOn: TrainOn = .completion, skipsBadRows: Bool = false) {
    self.maxLength = maxLength
    self.trainOn = trainOn
    self.skipsBadRows = skipsBadRows
  }
}
