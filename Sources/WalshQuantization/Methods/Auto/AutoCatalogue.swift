import WalshCheckpoints
import WalshFormats
import WalshModels

/// What `auto` may choose among, in lists whose order is part of what a journal means.
struct AutoCatalogue {
  let request: QuantizationRequest

  /// The transforms of a group.
  var transforms: [TransformCandidate] { TransformCandidate.all }

  /// The solvers: all of them unless the request names one.
  var solvers: [QuantizationRequest.Solver] { request.solver.map { [$0] } ?? [.rtn, .mse, .gptq] }

  /// The weight formats that meet the preset's activations, the preset's own first; without a budget only that. Full
  /// precision is last, where activations stay in full precision, too.
  var formats: [NumericFormat?] {
    guard let own = request.preset.weights else { return [nil] }
    guard request.auto.budget != nil else { return [own] }
    let others: [NumericFormat]
    switch request.preset.activations?.element {
    case nil: others = [.int(3, group: 128), .mxfp4, .int(4, group: 128), .nvfp4(.compressedTensors), .intPerRow(8)]
    // Activations in block formats are multiplied with weights of the same blocks.
    case .e2m1?: others = []
    default: others = [.intPerRow(4), .intPerRow(8)]
    }
    return [own] + others.filter { $0 != own } + [nil]
  }

  /// The bits of a weight of `group` in `format`, with scales; a tensor scale, which a layer has one of, counts nothing.
  static func bits(of format: NumericFormat?, _ group: LinearGroup, fullBits: Double) -> Double {
    guard let format = format?.fitted(toWidth: group.width), let layout = LinearLayout(format) else {
      return fullBits
    }
    func bytes(_ rows: Int) -> Int {
      layout.tensors("", rows: rows, columns: group.width).reduce(0) { $0 + $1.byteCount }
    }
    return 8 * Double(bytes(2) - bytes(1)) / Double(group.width)
  }

  /// The formats with their names.
  static func name(of format: NumericFormat?) -> String { format?.name ?? "full" }

  /// The whole-model plans that the choice is compared with, each by one method.
  func singlePlans(_ outline: ModelOutline, format: NumericFormat) throws -> [(name: String, plan: Plan)] {
    func made(
      _ name: String, _ method: QuantizationRequest.Method, _ change: (inout QuantizationRequest) -> Void = { _ in }
    )
      throws -> (String, Plan)
    {
      var single = request
      single.method = method
      single.preset = Preset(
        name: request.preset.name, weights: format, activations: request.preset.activations,
        cache: request.preset.cache)
      change(&single)
      let suffix = request.auto.budget == nil ? "" : " \(format.name)"
      return (name + suffix, try single.plan(for: outline))
    }
    let gptq = request.solver ?? .gptq
    return [
      try made("rtn", .rtn),
      try made("gptq", .gptq),
      try made("smoothquant gptq", .smoothquant) { $0.solver = gptq },
      try made("rotation hadamard", .rotation) { $0.rotation = .hadamard },
      try made("rotation block32", .rotation) { $0.rotation = .block32 },
      try made("quarot", .quarot),
      try made("mr-gptq", .mrGPTQ),
      try made("duquant++ gptq", .duQuantPlusPlus) { $0.solver = gptq },
    ]
  }
}
