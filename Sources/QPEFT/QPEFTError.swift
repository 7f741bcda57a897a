internal import QPEFTAdapters
internal import QPEFTFormats
internal import QPEFTModels
internal import QPEFTQuantization
internal import QPEFTTensor
internal import QPEFTText
internal import QPEFTTraining

/// Any error of the library in one form: what kind, what happened, what to do, and the error itself.
public struct QPEFTError: Error, CustomStringConvertible {
  /// Kind of the error, for programs, for example `training.noTrainedTokens`.
  public let code: String
  /// What happened, naming the thing.
  public let message: String
  /// What to do about it.
  public let remedy: String
  /// The error of the room it comes from.
  public let cause: any Error

  /// Words for an error.
  public init(_ error: any Error) {
    cause = error
    code = "\(type(of: error)).\(Mirror(reflecting: error).children.first?.label ?? "\(error)")"
    let text = "\(error)"
    if let remedy = Self.remedy(error) {
      message = text
      self.remedy = remedy
    } else if let semicolon = text.lastRange(of: "; ") {
      // Rooms that speak of files put the remedy behind a semicolon.
      message = String(text[..<semicolon.lowerBound])
      remedy = String(text[semicolon.upperBound...])
    } else {
      message = text
      remedy = Self.generalRemedy(error)
    }
  }

  /// Message and remedy.
  public var description: String { "\(message); \(remedy)" }

  private static func remedy(_ error: any Error) -> String? {
    switch error {
    case let error as TrainingError: error.remedy
    case let error as TokenizerError: error.remedy
    case let error as TemplateError: error.remedy
    case let error as DatasetError: error.remedy
    default: nil
    }
  }

  private static func generalRemedy(_ error: any Error) -> String {
    switch error {
    case is SafetensorsError: "download the file again; it is damaged or not what its name says"
    case is CheckpointError: "download the checkpoint again, or save it again with its library"
    case is MappedFileError: "check the path and your permissions"
    case is FileError: "check the path, your permissions and the space on the disk"
    case is PEFTAdapterError, is AdapterError: "use an adapter that was trained for this model, or other settings"
    case is QuantizationError: "choose another block size"
    case is ModelError: "use a model of a supported architecture (\(Models.supported.joined(separator: ", ")))"
    default: "see `qpeft help`"
    }
  }
}

extension String {
  fileprivate func lastRange(of separator: String) -> Range<String.Index>? {
    var start = endIndex
    while start > startIndex {
      start = index(before: start)
      if self[start...].hasPrefix(separator) { return start..<index(start, offsetBy: separator.count) }
    }
    return nil
  }
}
