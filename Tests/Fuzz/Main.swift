import Foundation
import FuzzTargets

/// The target that `QPEFT_FUZZ` names, opened once.
private let target = ProcessInfo.processInfo.environment["QPEFT_FUZZ"].flatMap(FuzzTarget.init)
private let files = try? ScratchFiles()

/// What libFuzzer calls with every input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  guard let target, let files else {
    fatalError("set QPEFT_FUZZ to one of \(FuzzTarget.allCases.map(\.rawValue).joined(separator: ", "))")
  }
  do { try target.run(Array(UnsafeBufferPointer(start: data, count: size)), in: files) } catch {
    precondition(
      FuzzTarget.isOwn(error), "an error that is not of the readers' own kinds: \(type(of: error)): \(error)")
  }
  return 0
}
