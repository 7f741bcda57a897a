internal import Foundation
internal import Synchronization

extension TokenizedDataset {
  /// A row that was read: what the index and the findings need of it.
  struct Measured: Sendable {
    var entry: Entry
    var fullLength: Int
    var lostTrained: Int
    var endsTrained: Bool
    var tokensHash: UInt64
    var hash: UInt64
    var largestToken: Int32
    var remarks: TextSigns.Remarks
    var isChat: Bool
  }

  /// Rows that are tokenized together, and their bytes at most.
  private static let rowsOfChunk = 4096
  private static let bytesOfChunk = 1 << 24

  mutating func read(
    from scanner: RecordScanner, threads: Int?, _ progress: (_ done: Int, _ total: Int) -> Void
  ) throws(DatasetError) {
    if file.format == .text { return try readWindows(progress) }
    var scanner = scanner
    var seen: Set<UInt64> = []
    let builders = Shared<[ExampleBuilder]>([])
    var isOpen = true
    while isOpen {
      var chunk: [RecordScanner.Record] = []
      var failure: DatasetError?
      var bytesOfRows = 0
      do {
        isOpen = try file.withBytes { bytes throws(DatasetError) in
          while chunk.count < Self.rowsOfChunk, bytesOfRows < Self.bytesOfChunk {
            guard let record = try scanner.next(in: bytes) else { return false }
            chunk.append(record)
            bytesOfRows += record.range.count
          }
          return true
        }
      } catch {
        (failure, isOpen) = (error, false)
      }
      for result in measure(chunk, builders, threads: threads ?? ProcessInfo.processInfo.activeProcessorCount) {
        switch result {
        case .success(let row): try add(row, &seen)
        case .failure(let error): try reject(error)
        }
      }
      if let failure { try reject(failure) }
      progress(min(scanner.position, file.count), file.count)
    }
  }

  private mutating func reject(_ error: DatasetError) throws(DatasetError) {
    if !options.skipsBadRows { throw error }
    report.rejectedRows += 1
    if rejected.count < 100 { rejected.append(error) }
  }

  /// Tokenizes rows on several cores; results come in the order of the rows.
  private func measure(
    _ records: [RecordScanner.Record], _ builders: Shared<[ExampleBuilder]>, threads: Int
  ) -> [Result<Measured, DatasetError>] {
    // Small slices, so that no core waits long for the others.
    let slices = max(1, records.count / 64)
    let done = Shared<[[Result<Measured, DatasetError>]]>(Array(repeating: [], count: slices))
    let next = Shared(0)
    DispatchQueue.concurrentPerform(iterations: min(max(threads, 1), slices)) { _ in
      var builder = builders.use { $0.popLast() } ?? ExampleBuilder(chat, options, file: name)
      while true {
        let slice = next.use { number in
          defer { number += 1 }
          return number
        }
        if slice >= slices { break }
        let range = (records.count * slice / slices)..<(records.count * (slice + 1) / slices)
        let results = records[range].map { record in
          Result { () throws(DatasetError) in try measured(record, &builder) }
        }
        done.use { $0[slice] = results }
      }
      builders.use { [builder] in $0.append(builder) }
    }
    return done.use { Array($0.joined()) }
  }

  private func measured(
    _ record: RecordScanner.Record, _ builder: inout ExampleBuilder
  ) throws(DatasetError) -> Measured {
    let entry = Entry(
      start: record.range.lowerBound, byteCount: Int32(clamping: record.range.count),
      line: Int32(clamping: record.line),
      length: 0, trained: 0)
    return try file.withBytes { bytes throws(DatasetError) in
      let row = try reader.row(bytes, record)
      let example = try builder.example(row, line: record.line)
      return try measured(entry, example, builder.remarks, isChat: row.isChat(chat))
    }
  }

  private func measured(
    _ entry: Entry, _ whole: TrainingExample, _ remarks: TextSigns.Remarks, isChat: Bool
  ) throws(DatasetError) -> Measured {
    let example = whole.cut(to: options.maxLength)
    let trained = example.trainedCount
    guard trained > 0, let last = example.isTrained.lastIndex(of: true) else {
      let first = whole.isTrained.firstIndex(of: true)
      let reason =
        first.map { "its first trained token is number \($0 + 1), behind the limit of \(example.tokens.count)" }
        ?? "it has \(whole.tokens.count) token(s) and no answer to learn"
      throw .nothingTrained(file: name, line: Int(entry.line), reason: reason)
    }
    // A chat template's white space behind the last end token may be trained too, with --train-on all.
    let end = (0...last).last { !chat.tokenizer.isBlank(example.tokens[$0]) }
    let endsTrained = end.map { example.isTrained[$0] && chat.eosIDs.contains(example.tokens[$0]) } ?? false
    var entry = entry
    entry.length = Int32(clamping: example.tokens.count)
    entry.trained = Int32(clamping: trained)
    return Measured(
      entry: entry, fullLength: whole.tokens.count, lostTrained: whole.trainedCount - trained,
      endsTrained: endsTrained, tokensHash: example.hash(withMarks: false),
      hash: example.hash(withMarks: true), largestToken: example.tokens.max() ?? -1, remarks: remarks, isChat: isChat)
  }

  private mutating func add(_ row: Measured, _ seen: inout Set<UInt64>) throws(DatasetError) {
    let (length, line) = (Int(row.entry.length), Int(row.entry.line))
    entries.append(row.entry)
    digest = (digest ^ row.hash) &* 0x9E37_79B9_7F4A_7C15
    largestToken = max(largestToken, row.largestToken)
    report.rows += 1
    report.tokens += length
    report.trainedTokens += Int(row.entry.trained)
    if row.fullLength > length {
      report.truncatedRows += 1
      report.truncatedTokens += row.fullLength - length
    }
    if row.lostTrained > 0 {
      report.truncatedTrainedTokens += row.lostTrained
      report.rowsWithCutAnswers += 1
      notes.cutAnswers.add(line)
    }
    if row.entry.isLast {
      notes.wholeRows += 1
      if !row.endsTrained {
        report.rowsWithoutTrainedEnd += 1
        if row.lostTrained == 0 { notes.endless.add(line) }
      }
    }
    if length > report.longest {
      report.longest = length
      report.longestLine = line
    }
    if !seen.insert(row.tokensHash).inserted { notes.repeated.add(line) }
    if row.isChat { notes.chatRows += 1 }
    note(row.remarks, line)
  }

  private mutating func note(_ remarks: TextSigns.Remarks, _ line: Int) {
    if let mark = remarks.foreignMark {
      if notes.foreignMark.isEmpty { notes.foreignMark = mark }
      notes.foreign.add(line)
    }
    if remarks.unwritable.isEmpty { return }
    notes.unwritable.add(line)
    for character in remarks.unwritable
    where notes.characters.count < TextSigns.mostNamed && !notes.characters.contains(character) {
      notes.characters.append(character)
    }
  }

  /// Cuts a plain text into rows.
  private mutating func readWindows(_ progress: (_ done: Int, _ total: Int) -> Void) throws(DatasetError) {
    var builder = ExampleBuilder(chat, options, file: name)
    let around = builder.beginning.count + max(1, chat.tokenizer.suffixIDs.count)
    var windows = TextWindows(length: max(1, (options.maxLength ?? 512) - around))
    var seen: Set<UInt64> = []
    var (start, line) = (0, 1)
    while start < file.count {
      let row: Result<Measured, DatasetError>
      let end: Int
      (row, end) = try file.withBytes { bytes throws(DatasetError) in
        if start == 0 { start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0 }
        let end = try windows.end(from: start, in: bytes) { range throws(DatasetError) in
          builder.encode(try reader.text(bytes, range, line: line))
        }
        let entry = Entry(
          start: start, byteCount: Int32(clamping: end - start), line: Int32(clamping: line), length: 0, trained: 0,
          isLast: end == bytes.count)
        let row = Result { () throws(DatasetError) in
          let example = try self.example(entry, in: bytes, &builder)
          return try measured(entry, example, builder.remarks, isChat: false)
        }
        line += bytes[start..<end].count { $0 == 0x0A }
        return (row, end)
      }
      switch row {
      case .success(let row): try add(row, &seen)
      case .failure(let error): try reject(error)
      }
      start = max(end, start + 1)
      progress(start, file.count)
    }
  }
}

/// A value that several threads use in turns.
private final class Shared<Value: Sendable>: Sendable {
  private let mutex: Mutex<Value>

  init(_ value: Value) { mutex = Mutex(value) }

  func use<Result: Sendable>(_ body: (inout Value) -> Result) -> Result {
    mutex.withLock { value in body(&value) }
  }
}
