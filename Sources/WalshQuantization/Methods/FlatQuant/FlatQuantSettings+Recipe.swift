/// The node `flatquant` of a recipe; every key is optional.
extension FlatQuantSettings {
  /// - Throws: `QuantizationError` for an unknown key, or a value of another type or out of range.
  init(_ node: RecipeNode) throws(QuantizationError) {
    self.init()
    let members = try node.members([
      "epochs", "batch-size", "learning-rate", "clip-learning-rate", "final-learning-rate", "warm-up", "weight-decay",
      "parametrisation", "transforms", "scales", "clipping", "shared-activation-clip", "scale-start",
    ])
    func number(_ key: String, _ range: ClosedRange<Double>, _ set: (Double) -> Void) throws(QuantizationError) {
      if let node = members[key] { set(try node.number(in: range)) }
    }
    func integer(_ key: String, _ range: ClosedRange<Int>, _ set: (Int) -> Void) throws(QuantizationError) {
      if let node = members[key] { set(try node.integer(in: range)) }
    }
    func flag(_ key: String, _ set: (Bool) -> Void) throws(QuantizationError) {
      if let node = members[key] { set(try node.flag()) }
    }
    var settings = FlatQuantSettings()
    try integer("epochs", 1...100_000) { settings.epochs = $0 }
    try integer("batch-size", 1...1 << 20) { settings.batchSize = $0 }
    try number("learning-rate", 1e-12...10) { settings.learningRate = $0 }
    try number("clip-learning-rate", 1e-12...10) { settings.clipLearningRate = $0 }
    try number("final-learning-rate", 0...10) { settings.finalLearningRate = $0 }
    try integer("warm-up", 0...1 << 32) { settings.warmUp = $0 }
    try number("weight-decay", 0...1) { settings.weightDecay = $0 }
    if let node = members["parametrisation"] { settings.parametrisation = try node.choice() }
    try flag("transforms") { settings.learnsTransforms = $0 }
    try flag("scales") { settings.learnsScales = $0 }
    try flag("clipping") { settings.learnsClipping = $0 }
    try flag("shared-activation-clip") { settings.sharedActivationClip = $0 }
    if let node = members["scale-start"] { settings.scaleStart = try node.choice() }
    self = settings
  }

  /// The members of the node, one a line, that read back as these settings.
  var recipeLines: [String] {
    [
      "epochs: \(epochs)", "batch-size: \(batchSize)", "learning-rate: \(learningRate)",
      "clip-learning-rate: \(clipLearningRate)", "final-learning-rate: \(finalLearningRate)", "warm-up: \(warmUp)",
      "weight-decay: \(weightDecay)", "parametrisation: \(parametrisation.rawValue)",
      "transforms: \(learnsTransforms)", "scales: \(learnsScales)", "clipping: \(learnsClipping)",
      "shared-activation-clip: \(sharedActivationClip)", "scale-start: \(scaleStart.rawValue)",
    ]
  }
}
