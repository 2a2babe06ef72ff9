extension QuantizationRequest {
  /// A short name for tables and folders, such as `MXFP4 rotation gptq`.
  public var label: String { "\(preset.name) \(methodLabel)" }

  /// The label without the formats, such as `rotation gptq`.
  public var methodLabel: String {
    var parts = [method.rawValue]
    if method == .rotation && rotation != .hadamard { parts.append(rotation.rawValue) }
    if method.rotates && !usesOnlineRotations { parts.append("folded") }
    switch (method, solver) {
    case (.gptq, .gptq), (.rtn, .rtn), (.smoothquant, .rtn), (.flatquant, .rtn), (_, nil): break
    case (_, let solver?): parts.append(solver.rawValue)
    }
    return parts.joined(separator: " ")
  }
}

extension QuantizationRequest {
  /// A request by the short name of its method: `gptq`, or with a rotation, a solver or `folded` behind slashes, such as
  /// `rotation/block32/rtn`.
  ///
  /// - Throws: `QuantizationError` naming the part that is none of these.
  public init(variant: String, preset: Preset) throws(QuantizationError) {
    let parts = variant.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard let method = Method(rawValue: parts[0]) else {
      throw QuantizationError(
        "method \(parts[0])",
        "there is no such method; use \(Method.allCases.map(\.rawValue).joined(separator: ", ")).")
    }
    self.init(method: method, preset: preset)
    for part in parts.dropFirst() {
      if let kind = RotationKind(rawValue: part), method == .rotation {
        rotation = kind
      } else if let named = Solver(rawValue: part) {
        solver = named
      } else if part == "folded", method == .rotation {
        usesOnlineRotations = false
      } else {
        throw QuantizationError(
          "method \(variant)",
          "“\(part)” is no setting of it; behind a slash goes a solver (\(Solver.allCases.map(\.rawValue).joined(separator: ", ")))"
            + ", and for rotation a matrix (\(RotationKind.allCases.map(\.rawValue).joined(separator: ", "))) or folded."
        )
      }
    }
  }
}
