/// Names: `MXFP4`, `MXFP4-RCEIL`, `NVFP4`, `NVFP4-CT`, `NVFP4/tile16`, `INT4/128`, `INT4/row`, `INT4/row/asymmetric`,
/// `INT8/128/float32`, `FP8`, `FP8E5M2/row`, `FP4/32`.
///
/// A name is a family with its rule, then the granularity, the scale and the symmetry where they are not the family's
/// default. `init(name:)` reads every `name` back, in upper or lower case.
extension NumericFormat: CustomStringConvertible {
  /// The name, unique to the format.
  public var name: String {
    switch scale {
    case .e8m0(let rule):
      let family = "MX" + element.name
      let group = granularity == .group(32) ? "" : "/\(granularity.name)"
      return family + (rule == Self.defaultRule(element) ? "" : "-\(rule.rawValue)") + group
    case .e4m3(let scheme):
      return "NVFP4" + (scheme == .transformerEngine ? "" : "-\(scheme.rawValue)")
        + (granularity == .tile16 ? "/tile16" : "")
    case .float32, .bfloat16:
      let isDefault = scale == Self.defaultScale(element, granularity)
      return element.name
        + (granularity == .tensor ? "" : "/\(granularity.name)")
        + (isDefault ? "" : scale == .float32 ? "/float32" : "/bfloat16")
        + (symmetry == .asymmetric ? "/asymmetric" : "")
    }
  }

  public var description: String { name }

  /// The format called `name`, or nil where there is none.
  public init?(name: String) {
    var parts = name.uppercased().split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let head = parts.removeFirst().split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map(
      String.init)
    guard let family = head.first else { return nil }
    let suffix = head.count > 1 ? head[1] : nil

    if family == "NVFP4" {
      guard let scheme = suffix.map(E4M3Scheme.init(rawValue:)) ?? .transformerEngine,
        parts.isEmpty || parts == ["TILE16"]
      else { return nil }
      self = .nvfp4(scheme, tiles: !parts.isEmpty)
    } else if family.hasPrefix("MX") {
      guard let element = ElementFormat(name: String(family.dropFirst(2))), !element.isInteger,
        let rule = suffix.map(E8M0Rule.init(rawValue:)) ?? Self.defaultRule(element), parts.count <= 1,
        let granularity = parts.isEmpty ? .group(32) : Granularity(name: parts[0]), case .group = granularity
      else { return nil }
      self.init(element: element, granularity: granularity, scale: .e8m0(rule))
    } else {
      guard suffix == nil, let element = ElementFormat(name: family) else { return nil }
      var granularity = Granularity.tensor
      if let first = parts.first, let named = Granularity(name: first), named != .tile16 {
        granularity = named
        parts.removeFirst()
      }
      var scale = Self.defaultScale(element, granularity)
      if parts.first == "FLOAT32" || parts.first == "BFLOAT16" {
        scale = parts.removeFirst() == "FLOAT32" ? .float32 : .bfloat16
      }
      let asymmetric = parts.first == "ASYMMETRIC"
      guard parts.count == (asymmetric ? 1 : 0), !asymmetric || element.isInteger else { return nil }
      self.init(
        element: element, granularity: granularity, scale: scale,
        symmetry: asymmetric ? .asymmetric : .symmetric)
    }
  }

  /// The rule that a plain MX name means.
  static func defaultRule(_ element: ElementFormat) -> E8M0Rule { element == .e2m1 ? .even : .rceil }

  /// The scale that a plain name means: what compressed-tensors stores for integer groups, Float32 elsewhere.
  private static func defaultScale(_ element: ElementFormat, _ granularity: Granularity) -> Scale {
    if case .group = granularity, element.isInteger { .bfloat16 } else { .float32 }
  }
}

extension NumericFormat: Codable {
  /// Reads the name.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let name = try container.decode(String.self)
    guard let format = Self(name: name) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "There is no number format called \(name); try MXFP4, NVFP4 or INT4/128.")
    }
    self = format
  }

  /// Writes the name.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(name)
  }
}

extension ElementFormat {
  /// The name within a format's name; E4M3 is plainly FP8.
  var name: String {
    switch self {
    case .int(let bits): "INT\(bits)"
    case .e2m1: "FP4"
    case .e2m3: "FP6E2M3"
    case .e3m2: "FP6E3M2"
    case .e4m3: "FP8"
    case .e5m2: "FP8E5M2"
    }
  }

  /// The element called `name`, or nil.
  init?(name: String) {
    let all: [ElementFormat] = [.e2m1, .e2m3, .e3m2, .e4m3, .e5m2] + (2...8).map(ElementFormat.int)
    guard let element = all.first(where: { $0.name == name }) else { return nil }
    self = element
  }
}

extension NumericFormat.Granularity {
  /// The name within a format's name: `tensor`, `row`, `tile16` or the group's size.
  var name: String {
    switch self {
    case .tensor: "tensor"
    case .row: "row"
    case .group(let n): "\(n)"
    case .tile16: "tile16"
    }
  }

  /// The granularity called `name` in upper case, or nil.
  init?(name: String) {
    switch name {
    case "TENSOR": self = .tensor
    case "ROW": self = .row
    case "TILE16": self = .tile16
    default:
      guard let n = Int(name), n > 0 else { return nil }
      self = .group(n)
    }
  }
}
