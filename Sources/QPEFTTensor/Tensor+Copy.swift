extension Tensor {
  /// The same numbers in memory of their own, charged to `room`.
  public func copied(in room: Room) -> Tensor {
    var copy = Tensor(uninitialized: shape, in: room)
    copy.withMutableElements { copy in withElements { _ = copy.update(fromContentsOf: $0) } }
    return copy
  }
}
