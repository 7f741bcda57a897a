/// A tree of byte strings with a number at the end of each, walked byte by byte. Its edges lie in one flat hash table.
struct ByteTrie: Sendable {
  /// For each edge the node it leaves and its byte, and the node it leads to.
  private var edges: FlatKeys
  private var targets: [Int32]
  private var edgeCount = 0
  /// For each node the number of the string that ends there, or -1. Node 0 is the root.
  private var values: [Int32] = [-1]

  init(capacity: Int = 16) {
    edges = FlatKeys(capacity: capacity)
    targets = Array(repeating: -1, count: edges.count)
  }

  /// The number of the string that ends at a node, or -1.
  @inline(__always)
  func value(at node: Int) -> Int32 { values[node] }

  /// The node that a byte leads to, or -1.
  @inline(__always)
  func child(of node: Int, _ byte: UInt8) -> Int { Int(targets[edges.slot(of: Self.edge(node, byte))]) }

  /// The node that a string leads to, or -1.
  func node(of key: some Sequence<UInt8>) -> Int {
    var node = 0
    for byte in key {
      node = child(of: node, byte)
      if node < 0 { return -1 }
    }
    return node
  }

  /// Sets the number of a string; of a string that comes twice, the last holds.
  mutating func insert(_ key: some Sequence<UInt8>, _ value: Int32) {
    var node = 0
    for byte in key {
      let next = child(of: node, byte)
      node = next >= 0 ? next : addChild(of: node, byte)
    }
    values[node] = value
  }

  private mutating func addChild(of node: Int, _ byte: UInt8) -> Int {
    if (edgeCount + 1) * 2 > edges.count { grow() }
    let slot = edges.slot(of: Self.edge(node, byte))
    edges[slot] = Self.edge(node, byte)
    targets[slot] = Int32(values.count)
    edgeCount += 1
    values.append(-1)
    return values.count - 1
  }

  @inline(__always)
  private static func edge(_ node: Int, _ byte: UInt8) -> UInt64 { UInt64(node) << 8 | UInt64(byte) }

  private mutating func grow() {
    var larger = ByteTrie(capacity: edges.count)
    for (index, target) in targets.enumerated() where edges[index] != FlatKeys.empty {
      let edge = edges[index]
      let slot = larger.edges.slot(of: edge)
      larger.edges[slot] = edge
      larger.targets[slot] = target
    }
    (edges, targets) = (larger.edges, larger.targets)
  }
}
