public import QPEFTAutodiff
public import QPEFTTensor

/// A place in a model where a whole module may be trained: a norm, the embedding or the output head.
public struct ModuleSite: Hashable, Sendable {
  /// What kind of module it is.
  public enum Kind: String, Hashable, Sendable { case norm, embedding, head }

  /// Module path, for example `model.norm`.
  public let name: String
  /// What it is.
  public let kind: Kind
  /// Whether another module has the same weight: embedding and head of a model that ties them.
  public let isTied: Bool

  /// A module by its path.
  public init(name: String, kind: Kind, isTied: Bool = false) {
    self.name = name
    self.kind = kind
    self.isTied = isTied
  }
}

/// Decides which module is trained whole, as a float32 copy of its weight, which the closure decodes; nil leaves it frozen.
public typealias ModuleChoice = (ModuleSite, _ weight: () throws -> Tensor) throws -> Parameter?
