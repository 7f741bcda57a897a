internal import Synchronization

/// What a piece of memory is for.
public enum Room: Int, CaseIterable, Sendable, Codable {
  /// Frozen weights; mapped from disk, so the system may drop their pages.
  case weights
  /// Trained parameters.
  case adapters
  /// Results kept until backward.
  case activations
  /// Results computed a second time, in backward.
  case recomputation
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
    case .recomputation: "recomputation"
    case .gradients: "gradients"
    case .optimizer: "optimizer"
    case .workspace: "workspace"
    }
  }
}

/// Memory that a tensor asked for and did not get.
public enum MemoryRefusal: Hashable, Sendable {
  /// It would have taken the ledger above its limit: bytes asked for, bytes held, and the limit.
  case limit(asked: Int, held: Int, limit: Int)
  /// The system has no memory for that many bytes.
  case system(asked: Int)
}

/// The account of every tensor's bytes, by room, with the peaks.
///
/// A tensor is charged to the ledger of the task that makes it (`MemoryLedger.current`) until its storage is freed. Large
/// tensors get their memory through the ledger, which keeps freed blocks for the next ones. What would go above `limit`, or
/// what the system does not have, is refused: `refusal` says so, and from then on every tensor of this ledger is a phantom, so
/// the step that asked comes to its end without numbers, and whoever drives it throws it away.
public final class MemoryLedger: Sendable {
  /// Bytes now and at most.
  public struct Account: Hashable, Sendable, Codable {
    /// Bytes held now.
    public var current = 0
    /// Most bytes held at one time.
    public var peak = 0

    /// An empty account.
    public init() {}

    fileprivate mutating func add(_ bytes: Int) {
      current += bytes
      peak = max(peak, current)
    }
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
    /// What does not come from the pool.
    var outside = 0
    var pool = BlockPool()
    var residentPeak = 0
    var limit = Int.max
    var planned: Int?
    var refusal: MemoryRefusal?
    var refusedSteps = 0

    var held: Int { pool.byteCount + outside }

    /// Bytes of freed blocks that may stay, if so many more bytes are in use than now.
    func kept(beside bytes: Int = 0) -> Int {
      guard let planned else { return max(total.peak - total.current, BlockPool.slack) }
      return max(0, planned - outside - pool.usedByteCount - bytes)
    }
  }

  private let state = Mutex(State())
  private let isRefusing = Atomic(false)

  /// The ledger that tensors made in this task are charged to.
  @TaskLocal public static var current: MemoryLedger?

  /// An empty ledger.
  public init() {}

  deinit { state.withLock { $0.pool.empty() } }

  /// Most bytes that tensors and kept blocks may take together.
  public var limit: Int {
    get { state.withLock { $0.limit } }
    set { state.withLock { $0.limit = newValue } }
  }

  /// Most bytes that tensors and kept blocks took together in a dry run: freed blocks are kept up to there and no further. Nil:
  /// up to the peak so far, and a few megabytes in any case.
  package var planned: Int? {
    get { state.withLock { $0.planned } }
    set { state.withLock { $0.planned = newValue } }
  }

  /// The first memory that was refused since the start or since `clearRefusal()`.
  public var refusal: MemoryRefusal? { state.withLock { $0.refusal } }

  /// How often `clearRefusal()` followed a refusal: what was computed before is not to be trusted after.
  package var refusedSteps: Int { state.withLock { $0.refusedSteps } }

  /// Whether memory was refused; tensors of this ledger are then phantoms.
  var hasRefused: Bool { isRefusing.load(ordering: .relaxed) }

  /// Starts anew after a refusal. No tensor made meanwhile may be used again.
  public func clearRefusal() {
    state.withLock {
      if $0.refusal != nil { $0.refusedSteps += 1 }
      $0.refusal = nil
    }
    isRefusing.store(false, ordering: .relaxed)
  }

  /// Asks for `bytes` above what is held now, and gives them back at once: whether a run of that peak can have its memory.
  public func probe(_ bytes: Int) {
    state.withLock { state in
      guard state.held + bytes <= state.limit else {
        return refuse(.limit(asked: bytes, held: state.held, limit: state.limit), &state)
      }
      if !BlockPool.canMap(bytes) { refuse(.system(asked: bytes), &state) }
    }
  }

  private func refuse(_ refusal: MemoryRefusal, _ state: inout State) {
    state.refusal = state.refusal ?? refusal
    isRefusing.store(true, ordering: .relaxed)
  }

  /// A block of at least `byteCount` bytes for a large tensor; a phantom's is only counted. Nil if it is refused.
  func take(_ byteCount: Int, isPhantom: Bool) -> MemoryBlock? {
    state.withLock { state in
      let kept = state.kept(beside: BlockPool.wholePages(byteCount))
      let room = state.limit - state.outside
      guard let block = state.pool.take(byteCount, keeping: kept, room: room, isPhantom: isPhantom) else {
        let isAbove = state.pool.usedByteCount + byteCount > room
        refuse(
          isAbove
            ? .limit(asked: byteCount, held: state.pool.usedByteCount + state.outside, limit: state.limit)
            : .system(asked: byteCount), &state)
        return nil
      }
      state.residentPeak = max(state.residentPeak, state.held)
      return block
    }
  }

  /// Gives a block back.
  func put(_ block: MemoryBlock) {
    state.withLock { $0.pool.put(block, keeping: $0.kept(beside: -block.byteCount)) }
  }

  /// Adds `bytes` to a room.
  public func charge(_ bytes: Int, to room: Room) { charge(bytes, to: room, isPooled: false) }

  /// Takes `bytes` out of a room.
  public func discharge(_ bytes: Int, from room: Room) { discharge(bytes, from: room, isPooled: false) }

  /// `isPooled`: the memory itself comes from `take`.
  func charge(_ bytes: Int, to room: Room, isPooled: Bool) {
    state.withLock {
      $0.made[room.rawValue].count += 1
      $0.made[room.rawValue].bytes += bytes
      $0.rooms[room.rawValue].add(bytes)
      $0.total.add(bytes)
      guard !isPooled else { return }
      $0.outside += bytes
      if $0.planned != nil { $0.pool.trim(to: $0.kept()) }
      $0.residentPeak = max($0.residentPeak, $0.held)
    }
  }

  func discharge(_ bytes: Int, from room: Room, isPooled: Bool) {
    state.withLock {
      $0.rooms[room.rawValue].current -= bytes
      $0.total.current -= bytes
      if !isPooled { $0.outside -= bytes }
    }
  }

  /// Account of one room.
  public subscript(_ room: Room) -> Account { state.withLock { $0.rooms[room.rawValue] } }

  /// What was charged to a room so far.
  public func allocations(in room: Room) -> Allocations { state.withLock { $0.made[room.rawValue] } }

  /// Account of all rooms together; its peak is the peak of the sum, not the sum of the peaks.
  public var total: Account { state.withLock { $0.total } }

  /// Tensors and blocks kept for the next ones, whole pages: what of this ledger the system counts as resident, now and at most.
  public var resident: Account {
    state.withLock {
      var account = Account()
      account.current = $0.held
      account.peak = $0.residentPeak
      return account
    }
  }
}
