public import Foundation

/// A model that cannot be fetched from a hub.
public enum HubError: Error, Equatable, CustomStringConvertible {
  /// The hub says that there is no such model, or revision, or file.
  case notFound(what: String, endpoint: String)
  /// The hub wants a token, or another one.
  case unauthorized(what: String, hasToken: Bool)
  /// The hub answers with a status that is not expected.
  case status(Int, url: String)
  /// The hub cannot be reached, or the connection breaks again and again.
  case connection(url: String, reason: String)
  /// An answer that makes no sense.
  case answer(url: String, problem: String)
  /// A file whose bytes are not those that the hub says it has.
  case checksum(file: String, expected: String, found: String)
  /// A name that leads out of the model's directory.
  case unsafeName(file: String, repository: String)
  /// No file of the model is one that a base needs, or that the patterns name.
  case nothingToFetch(repository: String, patterns: [String])
  /// Another process fetches the same file.
  case busy(file: String)
  /// The model is not in the cache.
  case notCached(reference: String, cache: String, isOffline: Bool)
  /// The model is in the cache, and files that are asked for are not.
  case filesNotCached(reference: String, patterns: [String], path: String)

  /// The failure in a sentence.
  public var description: String {
    switch self {
    case .notFound(let what, let endpoint): "there is no \(what) at \(endpoint)"
    case .unauthorized(let what, let hasToken):
      hasToken ? "the token does not give access to \(what)" : "\(what) is private, gated, or does not exist"
    case .status(let status, let url): "\(url) answers with status \(status)"
    case .connection(let url, let reason): "cannot fetch \(url): \(reason)"
    case .answer(let url, let problem): "the answer of \(url) \(problem)"
    case .checksum(let file, let expected, let found):
      "\(file) arrived with the checksum \(found), the hub says \(expected)"
    case .unsafeName(let file, let repository): "\(repository) has a file named \(file), which is no place inside of it"
    case .nothingToFetch(let repository, let patterns):
      patterns.isEmpty
        ? "\(repository) has no safetensors weights"
        : "no file of \(repository) is named \(patterns.joined(separator: " or "))"
    case .busy(let file): "another process is fetching \(file)"
    case .filesNotCached(_, let patterns, let path): "no file in \(path) is named \(patterns.joined(separator: " or "))"
    case .notCached(let reference, let cache, _): "\(reference) is neither a path nor a model in \(cache)"
    }
  }

  /// What to do about it.
  public var remedy: String {
    switch self {
    case .notFound: "check the spelling, and the revision if you gave one"
    case .unauthorized(_, let hasToken):
      hasToken
        ? "accept the model's terms on its page, or use a token that may read it"
        : "check the spelling; for a private or gated model set HF_TOKEN"
    case .status, .answer: "try again later, or check HF_ENDPOINT"
    case .connection: "check the network and HF_ENDPOINT, and run the same command again: it goes on where it stopped"
    case .checksum: "run the same command again; if it stays so, the hub or something on the way is at fault"
    case .unsafeName: "do not use this model"
    case .nothingToFetch: "name what you want with --include, for example --include '*Q4_K_M.gguf'"
    case .busy: "wait for it"
    case .filesNotCached(let reference, let patterns, _):
      "run `qpeft pull \(reference) --include \(patterns.map { "'\($0)'" }.joined(separator: " "))` without HF_HUB_OFFLINE"
    case .notCached(let reference, _, let isOffline):
      "check the path, or run `qpeft pull \(reference)`" + (isOffline ? " without HF_HUB_OFFLINE" : "")
    }
  }
}

extension HubError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What to do about it.
  public var recoverySuggestion: String? { remedy }
}
