internal import Foundation
internal import Synchronization

#if canImport(FoundationNetworking)
  internal import FoundationNetworking
#endif

/// Status and headers of an answer.
struct HTTPHead: Sendable {
  let status: Int
  /// By name in lower case.
  let headers: [String: String]

  init(_ response: HTTPURLResponse) {
    status = response.statusCode
    var headers: [String: String] = [:]
    for (name, value) in response.allHeaderFields { headers["\(name)".lowercased()] = "\(value)" }
    self.headers = headers
  }
}

/// One request of the method GET, whose body is handed on as it comes. Redirects are followed here, so that a token goes to
/// no other host than the one that it is for.
struct HTTPTransfer {
  let url: URL
  var headers: [String: String] = [:]

  /// Sends the request. `head` sees the answer first; `body` sees its bytes, unless the status is above 299.
  /// - Throws: `HubError.connection`, and what `head` and `body` throw.
  func run(
    head: @escaping @Sendable (HTTPHead) throws -> Void, body: @escaping @Sendable (Data) throws -> Void
  ) async throws -> HTTPHead {
    var url = url, headers = headers
    for _ in 0..<10 {
      let answer = try await Attempt(url: url, headers: headers, head: head, body: body).run()
      guard [301, 302, 303, 307, 308].contains(answer.status) else { return answer }
      guard let place = answer.headers["location"], let next = URL(string: place, relativeTo: url)?.absoluteURL,
        next.scheme == "https" || next.scheme == url.scheme
      else { throw HubError.answer(url: url.absoluteString, problem: "leads to no place that is safe") }
      if next.host != url.host || next.port != url.port || next.scheme != url.scheme {
        headers["Authorization"] = nil
      }
      url = next
    }
    throw HubError.answer(url: url.absoluteString, problem: "leads on and on")
  }
}

/// One exchange with one server.
///
/// `@unchecked Sendable`: the mutex holds all that changes.
private final class Attempt: NSObject, URLSessionDataDelegate, @unchecked Sendable {
  private struct State {
    var head: HTTPHead?
    var error: (any Error)?
    /// Who waits for the end, and the end, if it came before somebody waited: a task may be cancelled before it began.
    var done: CheckedContinuation<HTTPHead, any Error>?
    var result: Result<HTTPHead, any Error>?
  }

  private let request: URLRequest
  private let head: @Sendable (HTTPHead) throws -> Void
  private let body: @Sendable (Data) throws -> Void
  private let state = Mutex(State())

  init(
    url: URL, headers: [String: String], head: @escaping @Sendable (HTTPHead) throws -> Void,
    body: @escaping @Sendable (Data) throws -> Void
  ) {
    var request = URLRequest(url: url, cachePolicy: .reloadIgnoringLocalCacheData, timeoutInterval: 60)
    for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
    // Lengths and checksums are those of the bytes as they are.
    request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
    request.setValue("qpeft", forHTTPHeaderField: "User-Agent")
    self.request = request
    self.head = head
    self.body = body
  }

  func run() async throws -> HTTPHead {
    let configuration = URLSessionConfiguration.ephemeral
    configuration.urlCache = nil
    configuration.httpCookieStorage = nil
    let queue = OperationQueue()
    queue.maxConcurrentOperationCount = 1
    let session = URLSession(configuration: configuration, delegate: self, delegateQueue: queue)
    defer { session.finishTasksAndInvalidate() }
    let task = session.dataTask(with: request)
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { done in
        let result = state.withLock { state in
          if state.result == nil { state.done = done }
          return state.result
        }
        if let result { done.resume(with: result) } else { task.resume() }
      }
    } onCancel: {
      task.cancel()
    }
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
    newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
  ) {
    state.withLock { $0.head = HTTPHead(response) }
    completionHandler(nil)
  }

  func urlSession(
    _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
    completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
  ) {
    guard let response = response as? HTTPURLResponse else { return completionHandler(.cancel) }
    let found = HTTPHead(response)
    state.withLock { $0.head = found }
    do {
      try head(found)
      completionHandler(.allow)
    } catch {
      state.withLock { $0.error = error }
      completionHandler(.cancel)
    }
  }

  func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
    let isWanted = state.withLock { $0.error == nil && ($0.head?.status ?? 0) < 300 }
    guard isWanted else { return }
    do { try body(data) } catch {
      state.withLock { $0.error = error }
      dataTask.cancel()
    }
  }

  func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
    let url = request.url?.absoluteString ?? ""
    let (done, result) = state.withLock {
      state -> (CheckedContinuation<HTTPHead, any Error>?, Result<HTTPHead, any Error>) in
      let result: Result<HTTPHead, any Error>
      if let error = state.error {
        result = .failure(error)
      } else if let head = state.head, error == nil || (300..<400).contains(head.status) {
        result = .success(head)
      } else if (error as? URLError)?.code == .cancelled {
        result = .failure(CancellationError())
      } else {
        result = .failure(
          HubError.connection(url: url, reason: error?.localizedDescription ?? "the connection was closed"))
      }
      state.result = result
      return (state.done.take(), result)
    }
    done?.resume(with: result)
  }
}
