import Foundation
import Synchronization

/// A small HTTP/1.1 server on this machine, over plain sockets: one request a connection, answered by a closure. It listens until
/// the process ends: one that ended with its last mention would end while its test still runs.
final class LocalServer: Sendable {
  struct Request: Sendable {
    let path: String
    /// By name in lower case.
    let headers: [String: String]
  }

  struct Answer: Sendable {
    var status = 200
    var headers: [String: String] = [:]
    var body: [UInt8] = []
    /// Bytes of the body that are sent before the connection breaks; nil: all of them.
    var breaksAfter: Int?
  }

  /// For example `http://127.0.0.1:40123`.
  let address: String
  private let seen = Mutex<[Request]>([])

  /// All requests so far.
  var requests: [Request] { seen.withLock { $0 } }

  /// Listens on a free port.
  init(_ answer: @escaping @Sendable (Request) -> Answer) throws {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &place) { place in
      place.withMemoryRebound(to: sockaddr.self, capacity: 1) { place in
        bind(socket, place, length) == 0 && listen(socket, 16) == 0 && getsockname(socket, place, &length) == 0
      }
    }
    guard bound else { throw POSIXError(.EADDRNOTAVAIL) }
    address = "http://127.0.0.1:\(UInt16(bigEndian: place.sin_port))"
    Thread.detachNewThread { [self] in
      while true {
        let connection = accept(socket, nil, nil)
        guard connection >= 0 else { return }
        Thread.detachNewThread { [self] in
          defer { close(connection) }
          guard let request = Self.read(connection) else { return }
          seen.withLock { $0.append(request) }
          Self.send(answer(request), to: connection)
        }
      }
    }
  }

  private static func read(_ connection: Int32) -> Request? {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while !bytes.contains("\r\n\r\n".utf8) {
      let count = recv(connection, &buffer, buffer.count, 0)
      guard count > 0 else { return nil }
      bytes += buffer[..<count]
    }
    let lines = String(decoding: bytes, as: UTF8.self).components(separatedBy: "\r\n")
    let words = lines[0].split(separator: " ")
    guard words.count == 3 else { return nil }
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    return Request(path: String(words[1]), headers: headers)
  }

  private static func send(_ answer: Answer, to connection: Int32) {
    var text = "HTTP/1.1 \(answer.status) X\r\nConnection: close\r\nContent-Length: \(answer.body.count)\r\n"
    for (name, value) in answer.headers { text += "\(name): \(value)\r\n" }
    let bytes = Array((text + "\r\n").utf8) + answer.body.prefix(answer.breaksAfter ?? answer.body.count)
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      sent += count
    }
  }
}
