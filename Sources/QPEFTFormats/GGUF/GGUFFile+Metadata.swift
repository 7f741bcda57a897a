extension GGUFFile {
  /// A whole number of the metadata.
  func integer(_ key: String) throws(GGUFError) -> Int {
    guard let value = metadata[key] else { throw .missingKey(file: path, key: key) }
    guard let integer = value.integer else {
      throw .metadata(file: path, key: key, problem: "is not a whole number")
    }
    return integer
  }

  /// A whole number of the metadata, if the key is there.
  func optionalInteger(_ key: String) throws(GGUFError) -> Int? {
    metadata[key] == nil ? nil : try integer(key)
  }

  /// A number of the metadata, if the key is there.
  func optionalNumber(_ key: String) throws(GGUFError) -> Double? {
    guard let value = metadata[key] else { return nil }
    guard let number = value.number, number.isFinite else {
      throw .metadata(file: path, key: key, problem: "is not a number")
    }
    return number
  }

  /// Text of the metadata, if the key is there.
  func optionalString(_ key: String) throws(GGUFError) -> String? {
    guard let value = metadata[key] else { return nil }
    guard let string = value.string else { throw .metadata(file: path, key: key, problem: "is not UTF-8 text") }
    return string
  }

  /// Text of the metadata.
  func string(_ key: String) throws(GGUFError) -> String {
    guard let string = try optionalString(key) else { throw .missingKey(file: path, key: key) }
    return string
  }

  /// A list of the metadata.
  func list(_ key: String) throws(GGUFError) -> [GGUFValue] {
    guard let value = metadata[key] else { throw .missingKey(file: path, key: key) }
    guard let list = value.list else { throw .metadata(file: path, key: key, problem: "is not a list") }
    return list
  }
}
