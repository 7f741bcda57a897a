// Usage: Consumer CHECKPOINT ROWS.jsonl FOLDER

import QPEFT

let arguments = CommandLine.arguments
guard arguments.count == 4 else { fatalError("usage: Consumer CHECKPOINT ROWS.jsonl FOLDER") }
let (checkpoint, rows, folder) = (arguments[1], arguments[2], arguments[3])

print("== a few lines")
try await fewLines(checkpoint: checkpoint, rows: rows, folder: folder)
print("== a loop, a loss and an adapter of one's own")
try ownLoop(model: folder + "/model", rows: rows)
