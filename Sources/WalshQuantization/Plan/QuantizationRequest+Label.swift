extension QuantizationRequest {
  /// A short name for tables and folders, such as `MXFP4 rotation gptq`.
  public var label: String {
    var parts = [preset.name, method.rawValue]
    if method == .rotation && rotation != .hadamard { parts.append(rotation.rawValue) }
    if method.rotates && !usesOnlineRotations { parts.append("folded") }
    switch (method, solver) {
    case (.gptq, .gptq), (.rtn, .rtn), (.smoothquant, .rtn), (_, nil): break
    case (_, let solver?): parts.append(solver.rawValue)
    }
    return parts.joined(separator: " ")
  }
}
