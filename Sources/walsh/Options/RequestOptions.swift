import ArgumentParser
import Foundation
import WalshFormats
import WalshModels
import WalshQuantization

/// What to quantize to, and how.
struct RequestOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The formats: \(Preset.all.map(\.name).joined(separator: ", ")); or int2 … int8 with --group.",
      valueName: "preset"))
  var to: String?

  @Option(help: ArgumentHelp("With --to intN: one scale per row, or per N inputs.", valueName: "row|n"))
  var group: String?

  @Option(
    help: ArgumentHelp(
      "The method: \(QuantizationRequest.Method.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "name"
    ))
  var method: String?

  @Option(
    help: ArgumentHelp(
      "The rotation: \(RotationKind.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "name"))
  var rotation: String?

  @Flag(help: "Use folded rotations only, so that every runtime computes the model right.")
  var noOnlineRotations = false

  @Option(
    help: ArgumentHelp(
      "How weights are rounded: \(QuantizationRequest.Solver.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "name"))
  var solver: String?

  @Option(
    help: ArgumentHelp("With --method auto: the most bits for each weight, with its scales.", valueName: "bits"))
  var budget: Double?

  @Option(help: ArgumentHelp("SmoothQuant's strength, from 0 to 1.", valueName: "α"))
  var smoothing: Double?

  @Option(help: ArgumentHelp("The seed of random rotations and of the choice of samples.", valueName: "n"))
  var seed: UInt64?

  @Option(
    help: ArgumentHelp("Leave a layer in full precision: its path, last name, or re:PATTERN.", valueName: "layer"))
  var except: [String] = []

  @Option(help: ArgumentHelp("The number of calibration samples.", valueName: "count"))
  var samples: Int?

  @Option(help: ArgumentHelp("The most tokens of a calibration sample.", valueName: "tokens"))
  var context: Int?

  /// The request that the options make, on top of the recipe file `recipe`.
  func request(recipe: URL?) throws -> QuantizationRequest {
    var request: QuantizationRequest
    if let recipe {
      request = try QuantizationRequest(recipe: recipe)
      if let to { request.preset = try preset(to) }
    } else {
      guard let to else { throw ValidationError("Say what to quantize to, such as --to MXFP4.") }
      request = QuantizationRequest(method: .rtn, preset: try preset(to))
    }
    if let method { request.method = try choice(method, "--method") }
    if let rotation { request.rotation = try choice(rotation, "--rotation") }
    if let solver { request.solver = try choice(solver, "--solver") as QuantizationRequest.Solver }
    if noOnlineRotations { request.usesOnlineRotations = false }
    if let smoothing { request.smoothing = smoothing }
    if let seed { request.seed = seed }
    if let budget {
      guard request.method == .auto else {
        throw ValidationError("--budget \(budget) belongs to --method auto; give that, too.")
      }
      request.auto.budget = budget
    }
    if let samples { request.samples = samples }
    if let context { request.context = context }
    request.exceptions += except
    return request
  }

  private func choice<Choice: RawRepresentable & CaseIterable>(_ text: String, _ option: String) throws -> Choice
  where Choice.RawValue == String {
    guard let value = Choice(rawValue: text) else {
      let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("\(option) \(text): there is no such choice; use \(known).")
    }
    return value
  }

  private func preset(_ name: String) throws -> Preset {
    let preset = Preset(named: group.map { "\(name)/\($0)" } ?? name)
    guard let preset else {
      let known = Preset.all.map(\.name).joined(separator: ", ")
      throw ValidationError(
        "--to \(name)\(group.map { " --group \($0)" } ?? ""): there is no such preset; use \(known), or int2 … int8 with "
          + "--group row or --group 64.")
    }
    return preset
  }
}
