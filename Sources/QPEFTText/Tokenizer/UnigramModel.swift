/// A vocabulary with a score (log probability) for each piece: a word becomes the pieces with the highest sum.
///
/// - Source: Kudo 2018, arXiv:1804.10959; of several best ways, the one that the `tokenizers` library finds.
struct UnigramModel: Sendable {
  /// Pieces by their bytes.
  private let pieces: ByteTrie
  private let scores: [Double]
  /// What a scalar counts that no piece of its own length writes.
  private let unknownScore: Double
  let unknownID: Int32?
  /// The token of each byte, for what no piece writes; nil where there is no such fallback.
  private let byteIDs: [Int32]?

  init(pieces: ByteTrie, scores: [Double], unknownID: Int32?, byteIDs: [Int32]?) {
    self.pieces = pieces
    self.scores = scores
    self.unknownID = unknownID
    self.byteIDs = byteIDs
    unknownScore = (scores.min() ?? 0) - 10
  }

  /// Working memory: for each place in the word, the best way there.
  struct Workspace {
    struct Step {
      var score = 0.0
      /// Where the last piece starts, and which it is; -1 for an unknown scalar.
      var start: Int32 = -1
      var id: Int32 = -1
    }

    var steps: [Step] = []
    var path: [Range<Int>] = []
  }

  func append(_ word: UnsafeBufferPointer<UInt8>, to tokens: inout TokenRun, _ workspace: inout Workspace) {
    findBestWay(through: word, &workspace.steps)
    // From the end to the start; neighbouring unknown scalars become one.
    workspace.path.removeAll(keepingCapacity: true)
    var end = word.count
    var wasUnknown = false
    while end > 0 {
      let step = workspace.steps[end]
      let start = Int(step.start)
      let isUnknown = step.id == unknownID ?? -1
      if isUnknown, wasUnknown, let last = workspace.path.popLast() {
        workspace.path.append(start..<last.upperBound)
      } else {
        workspace.path.append(start..<end)
      }
      wasUnknown = isUnknown
      end = start
    }
    for range in workspace.path.reversed() {
      appendPiece(UnsafeBufferPointer(rebasing: word[range]), to: &tokens)
    }
  }

  private func findBestWay(through word: UnsafeBufferPointer<UInt8>, _ steps: inout [Workspace.Step]) {
    steps.removeAll(keepingCapacity: true)
    steps.append(contentsOf: repeatElement(Workspace.Step(), count: word.count + 1))
    func offer(_ id: Int32, _ score: Double, from start: Int, to end: Int) {
      if steps[end].start < 0 || score > steps[end].score {
        steps[end] = Workspace.Step(score: score, start: Int32(start), id: id)
      }
    }
    var start = 0
    while start < word.count {
      let scalarEnd = start + UTF8Coding.scalar(at: start, in: word).length
      let score = steps[start].score
      var hasScalar = false
      var node = 0
      var end = start
      while end < word.count {
        node = pieces.child(of: node, word[end])
        if node < 0 { break }
        end += 1
        let id = pieces.value(at: node)
        if id < 0 { continue }
        offer(id, score + scores[Int(id)], from: start, to: end)
        if end == scalarEnd { hasScalar = true }
      }
      if !hasScalar { offer(unknownID ?? -1, score + unknownScore, from: start, to: scalarEnd) }
      start = scalarEnd
    }
  }

  private func appendPiece(_ piece: UnsafeBufferPointer<UInt8>, to tokens: inout TokenRun) {
    let node = pieces.node(of: piece)
    if node >= 0, pieces.value(at: node) >= 0 {
      tokens.append(pieces.value(at: node), Int32(piece.count))
    } else if let byteIDs, piece.allSatisfy({ byteIDs[Int($0)] >= 0 }) {
      for byte in piece { tokens.append(byteIDs[Int(byte)], 1) }
    } else if let unknownID {
      tokens.append(unknownID, Int32(piece.count))
    }
  }
}
