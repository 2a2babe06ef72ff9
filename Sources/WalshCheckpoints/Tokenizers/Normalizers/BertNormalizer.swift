import Foundation

/// BERT's text cleaning: drops control characters, makes every space the same, sets Chinese characters
/// apart, strips accents and lowercases, in this order.
struct BertNormalizer: Normalizer {
  let cleansText: Bool
  let spacesChinese: Bool
  let stripsAccents: Bool
  let lowercases: Bool

  func normalized(_ text: String) -> String {
    var scalars = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      guard let scalar = cleansText ? Self.cleaned(scalar) : scalar else { continue }
      if spacesChinese, Self.isChinese(scalar) {
        scalars.append(" ")
        scalars.append(scalar)
        scalars.append(" ")
      } else {
        scalars.append(scalar)
      }
    }
    var result = String(scalars)
    if stripsAccents {
      result = UnicodeNormalizer(form: .nfd).normalized(result)
      result = ScalarNormalizer {
        !$0.isASCII && $0.properties.generalCategory == .nonspacingMark ? nil : $0
      }.normalized(result)
    }
    return lowercases ? LowercaseNormalizer().normalized(result) : result
  }

  private static func cleaned(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
    switch scalar.value {
    case 0x09, 0x0A, 0x0D: return " "
    case 0, 0xFFFD: return nil
    case 0x20...0x7E: return scalar
    default: break
    }
    switch scalar.properties.generalCategory {
    case .control, .format, .privateUse, .surrogate, .unassigned: return nil
    default: return scalar.isWhitespace ? " " : scalar
    }
  }

  private static func isChinese(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F,
      0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
      true
    default: false
    }
  }
}
