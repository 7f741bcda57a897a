public import Foundation
internal import Synchronization

/// A bound on resident weights that cannot be held.
public enum WeightResidencyError: Error, Equatable, CustomStringConvertible {
  /// The largest part and the one that is read ahead do not fit.
  case tooSmall(limit: Int, needed: Int)

  /// The failure in a sentence.
  public var description: String {
    switch self {
    case .tooSmall(let limit, let needed):
      "\(ByteWords.exact(limit)) of resident weights do not hold two neighbouring parts of the model, "
        + ByteWords.exact(needed)
    }
  }

  /// What the reader can do about it.
  public var remedy: String {
    switch self {
    case .tooSmall(_, let needed): "allow at least \((needed >> 20) + 1) MiB of resident weights (--resident-weights)"
    }
  }
}

extension WeightResidencyError: LocalizedError {
  /// The failure in a sentence.
  public var errorDescription: String? { description }
  /// What the reader can do about it.
  public var recoverySuggestion: String? { remedy }
}

/// Keeps at most `limit` bytes of mapped weights resident, so that a base larger than memory trains.
///
/// Weights are handled in parts, a part being a block of the model (or its head). Training goes through the parts forward and
/// then backward; so what was used longest ago is needed last, and is released first, and the next part in the present
/// direction is read ahead. Nothing but pages moves: results are those of a run that is resident.
public final class WeightResidency: Sendable {
  /// Most bytes resident.
  public let limit: Int

  fileprivate struct Part {
    var matrices: [any FrozenMatrix] = []
    var byteCount = 0
  }

  fileprivate struct State {
    var parts: [Part] = []
    var numbers: [String: Int] = [:]
    /// Resident parts, the one used last at the end.
    var resident: [Int] = []
  }

  private let state = Mutex(State())

  /// A bound of so many bytes.
  public init(limit: Int) { self.limit = limit }

  /// Adds a matrix to the part `name`; parts are numbered as they first come. Returns the number.
  func add(_ matrix: any FrozenMatrix, to name: String) -> Int {
    state.withLock { state in
      let number = state.numbers[name] ?? state.parts.count
      if number == state.parts.count {
        state.numbers[name] = number
        state.parts.append(Part())
      }
      state.parts[number].matrices.append(matrix)
      state.parts[number].byteCount += matrix.byteCount
      return number
    }
  }

  /// Bytes of the two largest neighbours: what the bound has to hold.
  public var minimum: Int {
    state.withLock { state in
      let sizes = state.parts.map(\.byteCount)
      return zip(sizes, sizes.dropFirst()).map { $0 + $1 }.max() ?? sizes.first ?? 0
    }
  }

  /// Bytes that will be resident at most.
  public var byteCount: Int { state.withLock { min(limit, $0.parts.reduce(0) { $0 + $1.byteCount }) } }

  /// Throws where the bound is below `minimum`.
  public func check() throws(WeightResidencyError) {
    let needed = minimum
    if limit < needed { throw .tooSmall(limit: limit, needed: needed) }
  }

  /// Part `number` is about to be read.
  func willUse(_ number: Int) {
    state.withLock { state in
      guard let last = state.resident.last, last != number else {
        if state.resident.isEmpty { state.resident = [number] }
        return
      }
      let next = number > last ? number + 1 : number - 1
      state.use(number)
      // The part to come is counted as resident from now on, behind the one in use.
      let isAhead = state.parts.indices.contains(next) && !state.resident.contains(next)
      if isAhead { state.resident.insert(next, at: state.resident.count - 1) }
      state.release(above: limit, keeping: [number, next])
      if isAhead { state.parts[next].matrices.forEach { $0.prefetch() } }
    }
  }
}

extension WeightResidency.State {
  fileprivate mutating func use(_ number: Int) {
    resident.removeAll { $0 == number }
    resident.append(number)
  }

  /// Releases what was used longest ago until what is left fits.
  fileprivate mutating func release(above limit: Int, keeping kept: Set<Int>) {
    var byteCount = resident.reduce(0) { $0 + parts[$1].byteCount }
    while byteCount > limit, let index = resident.firstIndex(where: { !kept.contains($0) }) {
      let part = parts[resident.remove(at: index)]
      part.matrices.forEach { $0.release() }
      byteCount -= part.byteCount
    }
  }
}
