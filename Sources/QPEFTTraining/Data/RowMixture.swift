public import QPEFTText

/// Rows of several sources, one source behind the other, each with how often an epoch sees its rows.
public struct RowMixture: RowSource {
  private let sources: [any RowSource]
  private let starts: [Int]
  /// Rows and weights of the sources.
  public let parts: [RowPart]

  /// Sources with their weights: 1 takes all rows once an epoch, 2 twice, 0.3 about a third of them, in the end all equally
  /// often.
  public init(_ sources: [(rows: any RowSource, weight: Double)]) {
    self.sources = sources.map(\.rows)
    parts = sources.map { RowPart(count: $0.rows.count, weight: $0.weight) }
    var starts = [0]
    for part in parts { starts.append(starts[starts.count - 1] + part.count) }
    self.starts = starts
  }

  private func place(_ index: Int) -> (source: Int, row: Int) {
    let source = (starts.firstIndex { $0 > index } ?? sources.count) - 1
    return (source, index - starts[source])
  }

  /// Number of rows.
  public var count: Int { starts[starts.count - 1] }

  /// Tokens of a row.
  public func length(at index: Int) -> Int {
    let (source, row) = place(index)
    return sources[source].length(at: row)
  }

  /// Tokens of a row that are trained.
  public func trainedCount(at index: Int) -> Int {
    let (source, row) = place(index)
    return sources[source].trainedCount(at: row)
  }

  /// Rows by number.
  public func rows(_ indices: [Int]) throws(TrainingError) -> [TrainingRow] {
    let places = indices.map(place)
    var read: [[TrainingRow]] = []
    for (number, source) in sources.enumerated() {
      read.append(try source.rows(places.filter { $0.source == number }.map(\.row)))
    }
    var next = Array(repeating: 0, count: sources.count)
    return places.map { place in
      defer { next[place.source] += 1 }
      return read[place.source][next[place.source]]
    }
  }

  /// Throws for the first row that cannot be trained.
  public func check(vocabulary: Int) throws(TrainingError) {
    for source in sources { try source.check(vocabulary: vocabulary) }
  }

  /// The fingerprint of all sources and weights.
  public var fingerprint: Fingerprint {
    Fingerprint(zip(sources, parts).flatMap { [$0.fingerprint.number, $1.weight.bitPattern] })
  }
}
