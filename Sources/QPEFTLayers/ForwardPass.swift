public import QPEFTAutodiff
public import QPEFTKernels

/// What all blocks of one forward pass share.
public struct ForwardPass {
  /// Rotations of the rows.
  public let rotation: RotationTable
  /// Rows that attend to each other.
  public let segments: [AttentionSegment]
  /// Keys and values of earlier rows, for generation.
  public let cache: KeyValueCache?

  /// A pass over rows in segments; with a cache, over new rows of one sequence.
  public init(rotation: RotationTable, segments: [AttentionSegment], cache: KeyValueCache? = nil) {
    self.rotation = rotation
    self.segments = segments
    self.cache = cache
  }
}
