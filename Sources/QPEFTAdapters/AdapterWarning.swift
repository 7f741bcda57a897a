/// Something about an adapter that its user should know; no reason to stop.
public enum AdapterWarning: Hashable, Sendable, CustomStringConvertible {
  /// A key of `adapter_config.json` that this version does not know.
  case unknownKey(String)
  /// A key of `rank_pattern` or `alpha_pattern` that matches no adapted layer.
  case unusedPattern(setting: String, key: String)
  /// A name of `target_modules` or `exclude_modules` that is no module's.
  case unusedName(setting: String, name: String)
  /// A trained copy of an embedding or head whose model has one weight for both: the other one stays as it is.
  case untied(String)

  /// The warning in a sentence.
  public var description: String {
    switch self {
    case .unknownKey(let key): "adapter_config.json: \(key) is not known and was ignored"
    case .unusedPattern(let setting, let key): "\(setting): \(key) matches no layer that has an adapter"
    case .unusedName(let setting, let name): "\(setting): \(name) matches no layer of the model"
    case .untied(let name):
      "modules_to_save: the model ties embedding and head; training \(name) alone unties them, and programs that tie them "
        + "again lose one of the two"
    }
  }
}
