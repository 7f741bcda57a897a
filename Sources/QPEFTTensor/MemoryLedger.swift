internal import Synchronization

/// What a piece of memory is for.
public enum Room: Int, CaseIterable, Sendable, Codable {
  /// Frozen weights; mapped from disk, so the system may drop their pages.
  case weights
  /// Trained parameters.
  case adapters
  /// Results kept until backward.
  case activations
  /// Gradients of parameters and the gradient that travels back.
  case gradients
  /// Moments of the optimizer.
  case optimizer
  /// Scratch that lives within one operation.
  case workspace

  /// Name in reports.
  public var name: String {
    switch self {
    case .weights: "weights"
    case .adapters: "adapters"
    case .activations: "activations"
    case .gradients: "gradients"
    case .optimizer: "optimizer"
    case .workspace: "workspace"
    }
  }
}

/// The account of every tensor's bytes, by room, with the peaks.
///
/// A tensor is charged to the ledger of the task that makes it (`MemoryLedger.current`) until its storage is freed.
public final class MemoryLedger: Sendable {
  /// Bytes now and at most.
  public struct Account: Hashable, Sendable, Codable {
    /// Bytes held now.
    public var current = 0
    /// Most bytes held at one time.
    public var peak = 0

    /// An empty account.
    public init() {}
  }

  /// Tensors made, and their bytes: what work costs the allocator. Both only grow.
  public struct Allocations: Hashable, Sendable {
    /// Number of tensors.
    public var count = 0
    /// Their bytes together.
    public var bytes = 0
  }

  private struct State {
    var made = [Allocations](repeating: Allocations(), count: Room.allCases.count)
    var rooms = [Account](repeating: Account(), count: Room.allCases.count)
    var total = Account()
    var pool = BlockPool()
  }

  private let state = Mutex(State())

  /// The ledger that tensors made in this task are charged to.
  @TaskLocal public static var current: MemoryLedger?

  /// An empty ledger.
  public init() {}

  deinit { state.withLock { $0.pool.empty() } }

  /// A block of at least `byteCount` bytes for a large tensor; nil if the system has none.
  func take(_ byteCount: Int) -> MemoryBlock? {
    state.withLock { $0.pool.take(byteCount, limit: $0.total.peak - $0.total.current) }
  }

  /// Gives a block back.
  func put(_ block: MemoryBlock) {
    state.withLock { $0.pool.put(block, limit: $0.total.peak - $0.total.current) }
  }

  /// Adds `bytes` to a room.
  public func charge(_ bytes: Int, to room: Room) {
    state.withLock {
      $0.made[room.rawValue].count += 1
      $0.made[room.rawValue].bytes += bytes
      $0.rooms[room.rawValue].current += bytes
      $0.rooms[room.rawValue].peak = max($0.rooms[room.rawValue].peak, $0.rooms[room.rawValue].current)
      $0.total.current += bytes
      $0.total.peak = max($0.total.peak, $0.total.current)
    }
  }

  /// Takes `bytes` out of a room.
  public func discharge(_ bytes: Int, from room: Room) {
    state.withLock {
      $0.rooms[room.rawValue].current -= bytes
      $0.total.current -= bytes
    }
  }

  /// Account of one room.
  public subscript(_ room: Room) -> Account { state.withLock { $0.rooms[room.rawValue] } }

  /// What was charged to a room so far.
  public func allocations(in room: Room) -> Allocations { state.withLock { $0.made[room.rawValue] } }

  /// Account of all rooms together; its peak is the peak of the sum, not the sum of the peaks.
  public var total: Account { state.withLock { $0.total } }

  /// Starts the peaks anew from what is held now.
  public func resetPeaks() {
    state.withLock {
      for index in $0.rooms.indices { $0.rooms[index].peak = $0.rooms[index].current }
      $0.total.peak = $0.total.current
    }
  }
}
