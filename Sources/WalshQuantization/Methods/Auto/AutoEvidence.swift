/// What `auto` measured and what it chose: printed, reported, and stored beside the model.
public struct AutoEvidence: Sendable, Equatable {
  /// One way to treat a group.
  public struct Option: Sendable, Equatable {
    /// The transform, such as `smoothing`; behind the residual rotation in a plan that has one.
    public let transform: String
    /// The weight format.
    public let weights: String
    /// The solver.
    public let solver: String
    /// The estimated divergence from the base, in nats a token, when only this group is treated so.
    public let loss: Double
    /// The bits of a weight with its scales.
    public let bits: Double
    /// Whether the plan treats the group so.
    public let isChosen: Bool

    public init(transform: String, weights: String, solver: String, loss: Double, bits: Double, isChosen: Bool) {
      (self.transform, self.weights, self.solver) = (transform, weights, solver)
      (self.loss, self.bits, self.isChosen) = (loss, bits, isChosen)
    }
  }

  /// A group with its options.
  public struct Group: Sendable, Equatable {
    /// The id, such as `layers.0.mlp.output`.
    public let id: String
    /// All that was measured.
    public let options: [Option]

    public init(id: String, options: [Option]) { (self.id, self.options) = (id, options) }

    /// The option that the plan takes; nil when a single method won, or an override decided.
    public var chosen: Option? { options.first { $0.isChosen } }
  }

  /// A whole plan that was carried out in memory and compared with the base.
  public struct Trial: Sendable, Equatable {
    /// The name, such as `auto` or `rotation hadamard`.
    public let name: String
    /// The divergence from the base on the tokens held aside, in nats a token.
    public let divergence: Double
    /// The bits of a weight with its scales, over all linear layers.
    public let bits: Double
    /// Whether the model was made by this plan.
    public let isChosen: Bool

    public init(name: String, divergence: Double, bits: Double, isChosen: Bool) {
      (self.name, self.divergence, self.bits, self.isChosen) = (name, divergence, bits, isChosen)
    }
  }

  /// The budget in bits a weight; nil for the preset's weights.
  public let budget: Double?
  /// The groups in the order of the model: the options of the chosen plan's residual stream, plain or rotated.
  public let groups: [Group]
  /// The plans that were tried.
  public let trials: [Trial]

  public init(budget: Double?, groups: [Group], trials: [Trial]) {
    (self.budget, self.groups, self.trials) = (budget, groups, trials)
  }

  /// The name of the file in a model's folder.
  public static let fileName = "auto.json"
}
