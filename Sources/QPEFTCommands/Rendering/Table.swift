/// Columns of text; those whose cells are numbers stand right.
struct Table {
  private var rows: [[String]] = []
  private let rightAligned: Set<Int>

  /// A table with a head; columns in `right` are aligned at their end.
  init(_ head: [String], right: Set<Int> = []) {
    rows = [head]
    rightAligned = right
  }

  /// Adds a row of as many cells as the head has.
  mutating func add(_ cells: [String]) { rows.append(cells) }

  /// The lines, indented by two spaces.
  var lines: [String] {
    let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      let cells = zip(row, widths).enumerated().map { column, cell in
        let space = String(repeating: " ", count: cell.1 - cell.0.count)
        return rightAligned.contains(column) ? space + cell.0 : cell.0 + space
      }
      return "  " + cells.joined(separator: "  ").trimmingTrailingSpaces
    }
  }
}

extension String {
  fileprivate var trimmingTrailingSpaces: String {
    var text = self[...]
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
