internal import Foundation

/// Where the hub is, who asks, and where models are kept: the variables that huggingface's tools know.
public struct HubSettings: Hashable, Sendable {
  /// `HF_ENDPOINT`, without a slash at the end.
  public var endpoint = "https://huggingface.co"
  /// `HF_TOKEN`, or the contents of `HF_TOKEN_PATH` (else `HF_HOME/token`), where `huggingface-cli login` puts it.
  public var token: String?
  /// `HF_HUB_CACHE`, or `HF_HOME/hub`: the directory of `models--ORG--NAME`.
  public var cache: String
  /// `HF_HUB_OFFLINE`: nothing is fetched, what is there is used.
  public var isOffline = false
  /// Files that are fetched at one time.
  public var parallelFiles = 4
  /// Attempts at a file that bring nothing new before the fetch fails.
  public var attempts = 5

  /// Settings of a process with these variables.
  public init(environment: [String: String]) {
    func value(_ name: String) -> String? {
      environment[name].flatMap { $0.isEmpty ? nil : ($0 as NSString).expandingTildeInPath }
    }
    let base = value("XDG_CACHE_HOME") ?? NSHomeDirectory() + "/.cache"
    let home = value("HF_HOME") ?? base + "/huggingface"
    cache = value("HF_HUB_CACHE") ?? home + "/hub"
    if let endpoint = environment["HF_ENDPOINT"], !endpoint.isEmpty { self.endpoint = endpoint }
    while endpoint.hasSuffix("/") { endpoint.removeLast() }
    let file = value("HF_TOKEN_PATH") ?? home + "/token"
    let token = environment["HF_TOKEN"] ?? (try? String(contentsOfFile: file, encoding: .utf8))
    self.token = token.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }.flatMap { $0.isEmpty ? nil : $0 }
    isOffline = ["1", "on", "yes", "true"].contains(environment["HF_HUB_OFFLINE"]?.lowercased() ?? "")
  }

  /// Settings of this process.
  public static var current: HubSettings { HubSettings(environment: ProcessInfo.processInfo.environment) }
}
