internal import QPEFTKernels

/// The rate of the innermost product alone, on operands that stay in the nearest cache: what no kernel of the set in use can
/// go above.
public enum TilePeak {
  /// GFLOP/s of all threads together.
  public static func gflops(seconds: Double = 0.3) -> Double {
    var operations = 0.0
    let time = Stopwatch.best(seconds: seconds) { operations = Kernels.tilePeak(rounds: 2000) }
    return operations / time / 1e9
  }
}
