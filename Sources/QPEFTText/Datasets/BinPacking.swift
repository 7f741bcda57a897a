/// Puts items of different sizes into few bins of one size.
package enum BinPacking {
  /// Best fit decreasing: the largest item first, each into the fullest bin that still has room for it.
  ///
  /// Rows of a shuffled epoch come as they are shuffled among equal sizes, so bins differ from epoch to epoch. An item
  /// larger than `capacity` gets a bin of its own. Time: `items · log capacity`.
  /// - Returns: for each bin the places of its items in `sizes`.
  package static func bestFitDecreasing(_ sizes: [Int], capacity: Int) -> [[Int]] {
    precondition(capacity > 0, "bins of \(capacity)")
    // One bin holds all that there is: a larger one changes nothing and would need a larger index.
    let capacity = min(capacity, max(1, sizes.reduce(0, +)))
    var places = Array(sizes.indices)
    places.sort { (sizes[$0], $1) > (sizes[$1], $0) }
    var bins: [[Int]] = []
    var room = RoomIndex(capacity: capacity)
    for place in places {
      let size = sizes[place]
      if size <= capacity, let (bin, left) = room.take(atLeast: size) {
        bins[bin].append(place)
        room.put(bin, room: left - size)
      } else {
        bins.append([place])
        room.put(bins.count - 1, room: max(0, capacity - size))
      }
    }
    return bins
  }

  /// No packing has fewer bins: sizes over the capacity, or, counted one by one, items larger than half a bin.
  package static func lowerBound(_ sizes: [Int], capacity: Int) -> Int {
    let total = sizes.reduce(0) { $0 + min($1, capacity) }
    return max(total / capacity + (total % capacity > 0 ? 1 : 0), sizes.count { $0 > capacity / 2 })
  }
}

/// Bins by the room they have: a tree over all rooms that finds the least sufficient one.
private struct RoomIndex {
  private var bins: [[Int]]
  /// How many bins lie below each node; leaf `r` is `leaves + r`.
  private var counts: [Int]
  private let leaves: Int

  init(capacity: Int) {
    bins = Array(repeating: [], count: capacity + 1)
    var leaves = 1
    while leaves < capacity + 1 { leaves *= 2 }
    self.leaves = leaves
    counts = Array(repeating: 0, count: 2 * leaves)
  }

  mutating func put(_ bin: Int, room: Int) {
    bins[room].append(bin)
    add(1, at: room)
  }

  /// Takes out a bin with the least room of `size` or more.
  mutating func take(atLeast size: Int) -> (bin: Int, room: Int)? {
    var node = leaves + size
    if counts[node] == 0 {
      // Up until there is something to the right, then down to its leftmost leaf.
      while node > 1, node & 1 == 1 || counts[node + 1] == 0 { node /= 2 }
      if node <= 1 { return nil }
      node += 1
      while node < leaves { node = counts[2 * node] > 0 ? 2 * node : 2 * node + 1 }
    }
    let room = node - leaves
    guard let bin = bins[room].popLast() else { return nil }
    add(-1, at: room)
    return (bin, room)
  }

  private mutating func add(_ change: Int, at room: Int) {
    var node = leaves + room
    while node > 0 {
      counts[node] += change
      node /= 2
    }
  }
}
