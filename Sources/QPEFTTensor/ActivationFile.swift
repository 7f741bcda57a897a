public import Foundation

/// A file for activations that cannot be made, written or read.
public enum ActivationFileError: Error, Equatable, CustomStringConvertible {
  /// The file cannot be made in the directory.
  case cannotCreate(directory: String, reason: String)
  /// The disk has no room for what a step keeps there.
  case diskFull(directory: String, byteCount: Int)
  /// Writing or reading failed in the middle of a step.
  case system(action: String, directory: String, reason: String)

  /// The failure in a sentence.
  public var description: String {
    switch self {
    case .cannotCreate(let directory, let reason): "cannot make a file for activations in \(directory): \(reason)"
    case .diskFull(let directory, let byteCount): "\(directory) has no room for \(byteCount) bytes of activations"
    case .system(let action, let directory, let reason): "cannot \(action) activations in \(directory): \(reason)"
    }
  }

  /// What the reader can do about it.
  public var remedy: String { "free space on that disk, name another directory, or choose another checkpointing" }
}

extension ActivationFileError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What the reader can do about it.
  public var recoverySuggestion: String? { remedy }
}

/// Activations on the disk, in a file without a name: what forward puts there, backward takes back in the opposite order.
///
/// Room is reserved before the run, so a full disk is found before its first step. A failure in the middle of a step is
/// remembered in `failure`, and whoever drives the step throws the step away.
public final class ActivationFile {
  /// A tensor's place.
  package struct Place: Sendable {
    let offset: Int
    let shape: Shape
  }

  /// Directory of the file; empty for a dry run, which only counts.
  public let directory: String
  /// Most bytes held at one time.
  public private(set) var peakByteCount = 0
  /// The first thing that went wrong.
  public private(set) var failure: ActivationFileError?
  private let descriptor: Int32
  private var end = 0

  /// A file that only counts, for dry runs.
  public init() {
    directory = ""
    descriptor = -1
  }

  /// A file in `directory` with room for `byteCount` bytes.
  public init(directory: String, byteCount: Int) throws(ActivationFileError) {
    self.directory = directory
    let path = directory + "/activations.partial-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw .cannotCreate(directory: directory, reason: String(cString: strerror(errno)))
    }
    unlink(path)
    let code = byteCount > 0 ? Self.reserve(descriptor, byteCount) : 0
    guard code == 0 else {
      close(descriptor)
      if code == ENOSPC || code == EDQUOT || code == EFBIG {
        throw .diskFull(directory: directory, byteCount: byteCount)
      }
      throw .cannotCreate(directory: directory, reason: String(cString: strerror(code)))
    }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  private static func reserve(_ descriptor: Int32, _ byteCount: Int) -> Int32 {
    #if canImport(Darwin)
      return ftruncate(descriptor, off_t(byteCount)) == 0 ? 0 : errno
    #else
      return posix_fallocate(descriptor, 0, off_t(byteCount))
    #endif
  }

  /// Forgets everything that is held: the next step begins.
  public func reset() { end = 0 }

  /// Puts a tensor behind those that are held.
  package func put(_ tensor: Tensor) -> Place {
    let place = Place(offset: end, shape: tensor.shape)
    end += tensor.byteCount
    peakByteCount = max(peakByteCount, end)
    guard descriptor >= 0, !tensor.isPhantom else { return place }
    tensor.withElements { elements in
      let bytes = UnsafeRawBufferPointer(elements)
      let isWhole = Self.inParts(bytes.count) { part in
        pwrite(
          descriptor, bytes.baseAddress.map { $0 + part.lowerBound }, part.count, off_t(place.offset + part.lowerBound))
      }
      if !isWhole { fail("write") }
    }
    return place
  }

  /// Takes the newest tensor back, and lets the system read the one before ahead.
  package func take(_ place: Place) -> Tensor {
    end = place.offset
    var tensor = Tensor(uninitialized: place.shape)
    guard descriptor >= 0 else { return tensor }
    tensor.withMutableElements { elements in
      let bytes = UnsafeMutableRawBufferPointer(elements)
      let isWhole = Self.inParts(bytes.count) { part in
        pread(
          descriptor, bytes.baseAddress.map { $0 + part.lowerBound }, part.count, off_t(place.offset + part.lowerBound))
      }
      guard !isWhole else { return }
      elements.update(repeating: 0)
      fail("read")
    }
    #if !canImport(Darwin)
      let ahead = min(place.offset, tensor.byteCount)
      posix_fadvise(descriptor, off_t(place.offset - ahead), off_t(ahead), POSIX_FADV_WILLNEED)
    #endif
    return tensor
  }

  /// Calls `body` with what is left of `count` bytes until it has done them all; false where it fails or does nothing.
  private static func inParts(_ count: Int, _ body: (Range<Int>) -> Int) -> Bool {
    var done = 0
    while done < count {
      let step = body(done..<count)
      if step < 0, errno == EINTR { continue }
      if step == 0 { errno = EIO }  // the file ended early
      guard step > 0 else { return false }
      done += step
    }
    return true
  }

  private func fail(_ action: String) {
    failure =
      failure
      ?? (errno == ENOSPC
        ? .diskFull(directory: directory, byteCount: peakByteCount)
        : .system(action: action, directory: directory, reason: String(cString: strerror(errno))))
  }
}
