/// Byte-pair encoding: the merges of a vocabulary, applied to one word at a time, lowest rank first.
///
/// The units of a word are its bytes (byte-level vocabularies, whose spelling of bytes is undone when the model is
/// read) or its Unicode scalars (SentencePiece-style vocabularies, with bytes as a fallback).
struct BytePairModel: Sendable {
  /// How a word falls into first symbols.
  enum Units: Sendable { case bytes, scalars }

  var units: Units
  /// Ids of whole words as the model sees them.
  var words: ByteTable
  var merges: MergeTable
  /// First symbol of each byte (byte units), or the byte's fallback token (scalar units); -1 where there is none.
  var byteIDs: [Int32]
  var unknownID: Int32?
  var fusesUnknown = false
  var fallsBackToBytes = false
  /// A word that is in the vocabulary is taken whole, without merging (Llama 3).
  var ignoresMerges = false
  /// Written before every scalar but the first, and after the last, of a word (scalar units).
  var continuingPrefix: [UInt8] = []
  var endSuffix: [UInt8] = []

  /// Working memory.
  struct Workspace {
    fileprivate var ids: [Int32] = []
    fileprivate var lengths: [Int32] = []
    fileprivate var ranks: [UInt32] = []
    fileprivate var next: [Int32] = []
    fileprivate var previous: [Int32] = []
    fileprivate var heap = MergeHeap()
  }

  /// Appends the tokens of one word.
  func append(_ word: UnsafeBufferPointer<UInt8>, to tokens: inout TokenRun, _ workspace: inout Workspace) {
    if ignoresMerges, let id = words[word] {
      tokens.append(id, Int32(word.count))
      return
    }
    firstSymbols(of: word, &workspace)
    if workspace.ids.count <= 32 { mergeFew(&workspace) } else { mergeMany(&workspace) }
    for (id, length) in zip(workspace.ids, workspace.lengths) where length > 0 { tokens.append(id, length) }
  }

  private func firstSymbols(of word: UnsafeBufferPointer<UInt8>, _ workspace: inout Workspace) {
    workspace.ids.removeAll(keepingCapacity: true)
    workspace.lengths.removeAll(keepingCapacity: true)
    var unknownLength: Int32 = 0
    func add(_ id: Int32, _ length: Int32) {
      workspace.ids.append(id)
      workspace.lengths.append(length)
    }
    func flushUnknown() {
      if unknownLength > 0, let unknownID { add(unknownID, unknownLength) }
      unknownLength = 0
    }
    func addUnknown(_ length: Int32) {
      guard unknownID != nil else { return }
      if unknownLength > 0, !fusesUnknown { flushUnknown() }
      unknownLength += length
    }
    if units == .bytes {
      for byte in word {
        let id = byteIDs[Int(byte)]
        if id < 0 {
          addUnknown(1)
        } else {
          flushUnknown()
          add(id, 1)
        }
      }
      flushUnknown()
      return
    }
    var position = 0
    while position < word.count {
      let length = UTF8Coding.scalar(at: position, in: word).length
      let scalar = UnsafeBufferPointer(rebasing: word[position..<position + length])
      let isLast = position + length == word.count
      let text = symbolText(scalar, isFirst: position == 0, isLast: isLast)
      position += length
      if let id = text == nil ? words[scalar] : text.flatMap({ words[$0] }) {
        flushUnknown()
        add(id, Int32(length))
      } else if fallsBackToBytes, (text ?? Array(scalar)).allSatisfy({ byteIDs[Int($0)] >= 0 }) {
        // As the library does it, an unknown token in waiting stays behind these bytes.
        for byte in text ?? Array(scalar) { add(byteIDs[Int(byte)], 1) }
      } else {
        addUnknown(Int32(length))
      }
    }
    flushUnknown()
  }

  private func symbolText(_ scalar: UnsafeBufferPointer<UInt8>, isFirst: Bool, isLast: Bool) -> [UInt8]? {
    let prefix = isFirst ? [] : continuingPrefix
    let suffix = isLast ? endSuffix : []
    return prefix.isEmpty && suffix.isEmpty ? nil : prefix + scalar + suffix
  }

  /// For short words: looks through all pairs for the best, again and again.
  private func mergeFew(_ workspace: inout Workspace) {
    var count = workspace.ids.count
    guard count > 1 else { return }
    workspace.ranks.removeAll(keepingCapacity: true)
    for index in 0..<count - 1 { workspace.ranks.append(merges[workspace.ids[index], workspace.ids[index + 1]].rank) }
    while count > 1 {
      var best = UInt32.max
      var place = 0
      for index in 0..<count - 1 where workspace.ranks[index] < best {
        best = workspace.ranks[index]
        place = index
      }
      if best == .max { break }
      workspace.ids[place] = merges[workspace.ids[place], workspace.ids[place + 1]].id
      workspace.lengths[place] += workspace.lengths[place + 1]
      workspace.ids.remove(at: place + 1)
      workspace.lengths.remove(at: place + 1)
      workspace.ranks.remove(at: place)
      count -= 1
      if place > 0 { workspace.ranks[place - 1] = merges[workspace.ids[place - 1], workspace.ids[place]].rank }
      if place < count - 1 { workspace.ranks[place] = merges[workspace.ids[place], workspace.ids[place + 1]].rank }
    }
  }

  /// For long words: a heap of candidate merges over a linked list, as the library does it. Merged symbols keep their
  /// place with length 0.
  private func mergeMany(_ workspace: inout Workspace) {
    let count = workspace.ids.count
    workspace.next = (0..<count).map { $0 + 1 < count ? Int32($0 + 1) : -1 }
    workspace.previous = (0..<count).map { Int32($0 - 1) }
    workspace.heap.removeAll()
    for index in 0..<count - 1 {
      let merge = merges[workspace.ids[index], workspace.ids[index + 1]]
      if merge.rank != .max { workspace.heap.push(.init(rank: merge.rank, place: Int32(index), id: merge.id)) }
    }
    while let top = workspace.heap.pop() {
      let place = Int(top.place)
      guard workspace.lengths[place] > 0, workspace.next[place] >= 0 else { continue }
      let right = Int(workspace.next[place])
      guard merges[workspace.ids[place], workspace.ids[right]].id == top.id else { continue }
      workspace.ids[place] = top.id
      workspace.lengths[place] += workspace.lengths[right]
      workspace.lengths[right] = 0
      let after = workspace.next[right]
      workspace.next[place] = after
      if after >= 0 { workspace.previous[Int(after)] = Int32(place) }
      let before = workspace.previous[place]
      if before >= 0 {
        let merge = merges[workspace.ids[Int(before)], top.id]
        if merge.rank != .max { workspace.heap.push(.init(rank: merge.rank, place: before, id: merge.id)) }
      }
      if after >= 0 {
        let merge = merges[top.id, workspace.ids[Int(after)]]
        if merge.rank != .max { workspace.heap.push(.init(rank: merge.rank, place: Int32(place), id: merge.id)) }
      }
    }
  }
}

/// Candidate merges, the one with the lowest rank first; of equal ranks, the leftmost.
struct MergeHeap {
  struct Candidate {
    var rank: UInt32
    var place: Int32
    var id: Int32

    @inline(__always)
    var order: UInt64 { UInt64(rank) << 32 | UInt64(UInt32(bitPattern: place)) }
  }

  private var items: [Candidate] = []

  mutating func removeAll() { items.removeAll(keepingCapacity: true) }

  mutating func push(_ item: Candidate) {
    items.append(item)
    var index = items.count - 1
    while index > 0 {
      let parent = (index - 1) / 2
      if items[parent].order <= items[index].order { break }
      items.swapAt(parent, index)
      index = parent
    }
  }

  mutating func pop() -> Candidate? {
    guard let top = items.first else { return nil }
    let last = items.removeLast()
    guard !items.isEmpty else { return top }
    items[0] = last
    var index = 0
    while true {
      var child = 2 * index + 1
      guard child < items.count else { return top }
      if child + 1 < items.count, items[child + 1].order < items[child].order { child += 1 }
      if items[index].order <= items[child].order { return top }
      items.swapAt(index, child)
      index = child
    }
  }
}
