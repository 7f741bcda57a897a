internal import Foundation
public import QPEFTHub

/// Where the model is that a person names: the one place that reads such names.
public enum ModelLocation {
  /// The path of what `name` says: a path that exists, or `ORG/NAME[@REVISION]` of the hub's cache.
  /// - Throws: `HubError.notCached` for a name of that form whose model is not there. Another text is given back as it is,
  ///   for its reader to complain about.
  public static func path(of name: String, settings: HubSettings = .current) throws(HubError) -> String {
    guard !FileManager.default.fileExists(atPath: name), let reference = HubReference(name) else { return name }
    if let path = HubCache(path: settings.cache).model(reference) { return path }
    throw .notCached(reference: "\(reference)", cache: settings.cache, isOffline: settings.isOffline)
  }
}
