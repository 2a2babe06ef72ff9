import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshTensor
import WalshTransforms

/// Measures options for every group, then whole plans, and takes the best: the preparation of `auto`.
///
/// 1. One backward pass through the full precision model tells what a change of each layer's output costs
///    (`SensitivityProbe`); block by block from the last to the first, every transform, format and solver of every group is
///    tried on texts held aside (`OptionMeasurement`), once for the residual stream as it is and once behind its rotation.
/// 2. `BudgetChoice` takes one option for each group; that makes two plans, one for each residual stream.
/// 3. Both, and every single method for the whole model, are carried out in memory and compared with the base (`PlanTrial`).
///    The plan with the least divergence wins, so `auto` is no worse than the best single method it tried, up to noise.
///
/// A step is a block or a plan. Its state holds all figures, so that a resumed run decides alike.
struct AutoSearch: PlanPreparation {
  let request: QuantizationRequest
  let outline: ModelOutline
  let exceptions: LayerSelection

  private var catalogue: AutoCatalogue { AutoCatalogue(request: request) }
  private var groups: [LinearGroup] { outline.blocks.flatMap(\.groups) }

  /// The residual streams that groups are measured in.
  enum Stream: String, CaseIterable {
    case plain = "auto"
    case rotated = "auto, rotated stream"
  }

  var description: String { "options measured for each group, \(request.auto)" }
  var saveInterval: Int { 1 }
  var stepCount: Int { outline.blocks.count + ((try? trials(evidence: nil).count) ?? 0) }

  func check(_ plan: Plan, for outline: ModelOutline) throws(QuantizationError) {
    guard request.preset.weights != nil else {
      throw QuantizationError(
        "--method auto --to \(request.preset.name)",
        "this preset rounds no weights, so there is nothing to choose; use MXFP4, NVFP4 or W4A16, for instance.")
    }
    guard request.auto.tokens > 1 else {
      throw QuantizationError("auto.tokens \(request.auto.tokens)", "at least two tokens are needed to judge a plan.")
    }
    guard let budget = request.auto.budget else { return }
    let smallest = catalogue.formats.map { format in
      let bits = groups.map { AutoCatalogue.bits(of: format, $0, fullBits: 16) }
      return (AutoCatalogue.name(of: format), bits.reduce(0, +) / Double(bits.count))
    }.min { $0.1 < $1.1 }
    guard let smallest, !(budget >= smallest.1) else { return }
    throw QuantizationError(
      "--budget \(budget)",
      "the smallest format for \(request.preset.name) is \(smallest.0) with \((smallest.1 * 1000).rounded() / 1000) bits a "
        + "weight; allow at least that.")
  }

  func byteCount(
    for plan: Plan, of outline: ModelOutline, source: Checkpoint, context: Int
  ) throws(CheckpointError) -> Int {
    let tokens = request.auto.tokens
    let widths = outline.blocks.map { block in block.groups.reduce(0) { $0 + $1.width * (4 + $1.layers.count) } }
    let embedding = try source.tensor(outline.embedding)
    // The model in Float32; the streams of all blocks; a block's activations and gradients; two sets of probabilities.
    return 4 * source.names.reduce(0) { $0 + (source[$1]?.count ?? 0) }
      + 4 * 4 * tokens * outline.hiddenSize * (outline.blocks.count + 2) + 8 * 4 * tokens * (widths.max() ?? 0)
      + 3 * 8 * tokens * (embedding.shape.first ?? 0)
  }

  // MARK: Measuring

  func prepare(
    _ plan: Plan, of architecture: Architecture, source: Checkpoint, calibration: CalibrationText,
    from state: PreparationState?, observer: (PreparationState) throws -> Void
  ) throws -> PreparationState {
    var state = state ?? PreparationState(matrices: [:])
    try observer(state)
    let texts = try AutoTexts(calibration, tokens: request.auto.tokens)
    let weights = UnpackedWeights(
      base: CheckpointWeights(source, architecture: architecture, quantization: nil))
    let probe = SensitivityProbe(architecture: architecture, source: weights, seed: request.seed)
    let streams = try probe.streams(texts.held)
    if state.stepsDone < outline.blocks.count {
      let fit = try probe.streams(texts.fit)
      var gradients = try probe.endGradients(streams[outline.blocks.count])
      for (step, layer) in outline.blocks.indices.reversed().enumerated() {
        let record = try probe.record(layer, streams: streams[layer], gradients: &gradients)
        // An interrupted run has measured the blocks behind already; only the gradients are needed again.
        if step < state.stepsDone { continue }
        let inputs = try probe.inputs(layer, streams: fit[layer])
        let loss = try measure(layer, record, fit: inputs, weights, source, into: &state)
        state.losses.append(loss)
        try observer(state)
      }
    }
    let trial = try PlanTrial(
      architecture: architecture, source: source, weights: weights, fit: texts.fit, held: texts.held,
      streams: streams[outline.blocks.count])
    let trials = try trials(evidence: state)
    while state.stepsDone < stepCount {
      let index = state.stepsDone - outline.blocks.count
      let divergence = try trial.divergence(of: trials[index].plan)
      state.losses.append(divergence)
      try observer(state)
    }
    return state
  }

  /// Measures the groups of a block; returns the estimated loss of its groups without transforms, the plainest way each.
  private func measure(
    _ layer: Int, _ record: SensitivityProbe.BlockRecord, fit: [String: Tensor],
    _ weights: UnpackedWeights<CheckpointWeights>, _ source: Checkpoint, into state: inout PreparationState
  ) throws -> Double {
    var plain = 0.0
    for group in outline.blocks[layer].groups {
      let layers = try group.layers.map { try weights.linear($0).denseWeight }
      let fullBits = 8 * Double(try source.tensor(group.layers[0] + ".weight").dtype.byteCount)
      let count = Double(layers.reduce(0) { $0 + $1.count })
      guard let inputs = fit[group.id], let held = record.inputs[group.id] else { continue }
      for stream in Stream.allCases {
        var measurement = OptionMeasurement(
          group: group, weights: layers, fit: inputs, held: held,
          gradients: group.layers.compactMap { record.gradients[$0] }, catalogue: catalogue, seed: request.seed)
        if stream == .rotated {
          // Only what reads a norm sees another activation.
          guard case .norm(let name) = group.source else { continue }
          measurement = measurement.rotated(by: try residual(), norm: try weights.tensor(name))
        }
        let results = try measurement.results()
        if stream == .plain { plain += results.first?.loss ?? 0 }
        let rows = results.map { result in
          [
            Double(result.transform), Double(result.format), Double(result.solver), result.loss,
            AutoCatalogue.bits(of: catalogue.formats[result.format], group, fullBits: fullBits),
            result.isClear ? 1 : 0, count, fullBits,
          ]
        }
        state.matrices["\(stream)/\(group.id)"] = Matrix(
          rows: rows.count, columns: MeasuredOption.columns, values: rows.flatMap(\.self))
      }
    }
    return plain
  }

  /// The rotation of the residual stream in the second plan.
  private func residual() throws -> any LinearTransform {
    try RotationKind.hadamard.rotation(
      of: outline.hiddenSize, place: .folded, stream: RandomStream(seed: request.seed, purpose: "auto/R1"))
  }

  // MARK: Choosing

  /// The options of a group as a state holds them.
  private func options(_ state: PreparationState?, _ stream: Stream, _ group: LinearGroup) -> [MeasuredOption] {
    let matrix =
      state?.matrices["\(stream)/\(group.id)"] ?? state?.matrices["\(Stream.plain)/\(group.id)"]
    guard let matrix else { return [] }
    return (0..<matrix.rows).map { row in
      MeasuredOption(matrix.values[row * MeasuredOption.columns..<(row + 1) * MeasuredOption.columns])
    }
  }

  /// The index of each group's option in a stream's plan; nil where a group has no choice.
  private func choice(_ state: PreparationState?, _ stream: Stream) throws(QuantizationError) -> [String: Int] {
    let open = groups.filter { group in
      !group.layers.contains { exceptions.contains($0) } && !options(state, stream, group).isEmpty
    }
    let all = open.map { options(state, stream, $0) }
    let allowed = all.map { options in options.indices.filter { options[$0].isClear } }
    let count = all.reduce(0) { $0 + ($1.first?.count ?? 0) }
    let chosen = BudgetChoice.choose(
      zip(all, allowed).map { options, indices in
        indices.map { BudgetChoice.Option(bits: options[$0].bits * options[$0].count, loss: options[$0].loss) }
      }, budget: request.auto.budget.map { $0 * count } ?? .infinity)
    guard let chosen else {
      let smallest = all.reduce(0) { $0 + ($1.map { $0.bits * $0.count }.min() ?? 0) } / count
      throw QuantizationError(
        "--budget \(request.auto.budget ?? 0)",
        "the smallest formats need \((smallest * 1000).rounded(.up) / 1000) bits a weight; allow at least that.")
    }
    return Dictionary(uniqueKeysWithValues: zip(open, zip(allowed, chosen)).map { ($0.id, $1.0[$1.1]) })
  }

  /// The plans to be tried: one for each stream, then the single methods.
  private func trials(evidence state: PreparationState?) throws -> [(name: String, plan: Plan)] {
    try Stream.allCases.map { ($0.rawValue, try mixture(state, $0)) }
      + uniformFormats.flatMap { try catalogue.singlePlans(outline, format: $0) }
  }

  /// The formats that a whole model may have within the budget: the preset's own, and the largest.
  private var uniformFormats: [NumericFormat] {
    guard let own = request.preset.weights, let budget = request.auto.budget else {
      return request.preset.weights.map { [$0] } ?? []
    }
    func bits(_ format: NumericFormat) -> Double {
      groups.map { AutoCatalogue.bits(of: format, $0, fullBits: 16) }.max() ?? 0
    }
    let fitting = catalogue.formats.compactMap(\.self).filter { bits($0) <= budget }
    guard let largest = fitting.max(by: { bits($0) < bits($1) }) else { return [] }
    return fitting.contains(own) && own != largest ? [own, largest] : [largest]
  }

  private func mixture(_ state: PreparationState?, _ stream: Stream) throws -> Plan {
    var plan = Plan.uniform(
      method: AutoMethod.name, outline, preset: request.preset, solver: (request.solver ?? .gptq).weightSolver,
      exceptions)
    let choice = try choice(state, stream)
    for group in groups {
      guard let index = choice[group.id] else { continue }
      let option = options(state, stream, group)[index]
      let weights = catalogue.formats[option.format]?.fitted(toWidth: group.width)
      plan.groups[group.id] = GroupPlan(
        transform: try catalogue.transforms[option.transform].transform(
          of: group, format: request.preset.activations ?? request.preset.weights ?? .mxfp4, seed: request.seed),
        solver: catalogue.solvers[option.solver].weightSolver, weights: weights,
        activations: weights == nil ? nil : request.preset.activations)
    }
    if stream == .rotated { plan.residual = try residual() }
    if request.preset.cache != nil, request.usesOnlineRotations, let site = outline.blocks.first?.attention {
      plan.keys = try RotationKind.hadamard.rotation(
        of: site.headSize, place: .online, stream: RandomStream(seed: request.seed, purpose: "auto/R3"))
    }
    try request.override(&plan, for: outline, exceptions: exceptions)
    return plan
  }

  // MARK: Result

  func completed(_ plan: Plan, with state: PreparationState) throws(QuantizationError) -> Plan {
    let trials: [(name: String, plan: Plan)]
    do {
      trials = try self.trials(evidence: state)
    } catch let error as QuantizationError {
      throw error
    } catch {
      throw QuantizationError("--method auto", "\(error)")
    }
    let divergences = Array(state.losses.dropFirst(outline.blocks.count))
    // Of equals the first wins: what was chosen group by group.
    guard let best = divergences.indices.min(by: { divergences[$0] < divergences[$1] }), best < trials.count else {
      return plan
    }
    var chosen = trials[best].plan
    try chosen.checkFormats(outline)
    chosen.method = AutoMethod.name
    let stream = Stream(rawValue: trials[best].name)
    let choice = try stream.map { stream throws(QuantizationError) in try self.choice(state, stream) } ?? [:]
    chosen.evidence = AutoEvidence(
      budget: request.auto.budget,
      groups: groups.map { evidence(state, stream ?? .plain, $0, chosen: choice[$0.id]) },
      trials: trials.enumerated().map { index, trial in
        AutoEvidence.Trial(
          name: trial.name, divergence: divergences[index], bits: bits(of: trial.plan, state),
          isChosen: index == best)
      })
    chosen.remarks.append(
      "Chosen among \(trials.count) plans by the divergence from the base on text held aside: \(trials[best].name), "
        + "\((divergences[best] * 1e5).rounded() / 1e5) nats a token (\(request.auto)); all figures are in "
        + AutoEvidence.fileName)
    return chosen
  }

  private func evidence(
    _ state: PreparationState, _ stream: Stream, _ group: LinearGroup, chosen: Int?
  ) -> AutoEvidence.Group {
    AutoEvidence.Group(
      id: group.id,
      options: options(state, stream, group).enumerated().map { index, option in
        AutoEvidence.Option(
          transform: catalogue.transforms[option.transform].name,
          weights: AutoCatalogue.name(of: catalogue.formats[option.format]),
          solver: catalogue.solvers[option.solver].rawValue, loss: option.loss, bits: option.bits,
          isChosen: index == chosen)
      })
  }

  /// The mean bits of a weight under `plan`.
  private func bits(of plan: Plan, _ state: PreparationState) -> Double {
    var (total, count) = (0.0, 0.0)
    for group in groups {
      guard let first = options(state, .plain, group).first else { continue }
      total += first.count * AutoCatalogue.bits(of: plan[group].weights, group, fullBits: first.fullBits)
      count += first.count
    }
    return count > 0 ? total / count : 0
  }
}

/// An option of a group, as a row of a state's matrix.
private struct MeasuredOption {
  let transform: Int
  let format: Int
  let solver: Int
  let loss: Double
  let bits: Double
  let isClear: Bool
  /// The number of the group's weights.
  let count: Double
  /// The bits of a weight in full precision.
  let fullBits: Double

  /// The numbers of a row.
  static let columns = 8

  init(_ row: ArraySlice<Double>) {
    let row = Array(row)
    (transform, format, solver) = (Int(row[0]), Int(row[1]), Int(row[2]))
    (loss, bits, isClear, count, fullBits) = (row[3], row[4], row[5] > 0, row[6], row[7])
  }
}

extension OptionMeasurement {
  /// The same group behind a rotated residual stream: the norm's weight γ goes into the layers, then x ← x·R, W ← W·R.
  fileprivate func rotated(by rotation: any LinearTransform, norm gamma: Tensor) -> OptionMeasurement {
    // A channel whose weight is zero reaches no layer.
    let inverse = gamma.map { $0 == 0 ? 0 : 1 / $0 }
    func turned(_ x: Tensor) -> Tensor { x.scalingColumns(by: inverse).transformed(by: rotation) }
    return OptionMeasurement(
      group: group, weights: weights.map { $0.scalingColumns(by: gamma).transformed(by: rotation) }, fit: turned(fit),
      held: turned(held), gradients: gradients, catalogue: catalogue, seed: seed)
  }
}

extension SensitivityProbe {
  /// What the groups of block `layer` read on further texts, by id.
  func inputs(_ layer: Int, streams: [Tensor]) throws -> [String: Tensor] {
    let block = try architecture.block(layer, from: source)
    var inputs: [String: [Tensor]] = [:]
    for stream in streams {
      _ = block(stream, state: nil) { group, activation in
        inputs[group.id, default: []].append(activation)
        return true
      }
    }
    return inputs.mapValues { Tensor.stackingRows($0) }
  }
}
