/// Root of the sum of squared differences over the root of the sum of squares, added up run by run.
struct RoundingError {
  private var difference = 0.0
  private var norm = 0.0
  /// Largest difference so far.
  private(set) var largest = 0.0

  /// Adds a run of numbers and what has become of them.
  mutating func add(_ numbers: some Sequence<Float>, _ rounded: some Sequence<Float>) {
    for (number, rounded) in zip(numbers, rounded) {
      let error = Double(rounded) - Double(number)
      difference += error * error
      largest = max(largest, abs(error))
      norm += Double(number) * Double(number)
    }
  }

  /// The relative error so far.
  var relative: Double { norm > 0 ? (difference / norm).squareRoot() : 0 }
}
