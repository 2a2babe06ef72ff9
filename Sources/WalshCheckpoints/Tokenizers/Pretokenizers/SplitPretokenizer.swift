/// What becomes of the matches of a pattern when text is split at them.
enum SplitBehaviour: String, CaseIterable, Sendable {
  case removed = "Removed"
  case isolated = "Isolated"
  case mergedWithPrevious = "MergedWithPrevious"
  case mergedWithNext = "MergedWithNext"
  case contiguous = "Contiguous"
}

extension TokenizerField {
  func splitBehaviour() throws(TokenizerError) -> SplitBehaviour {
    let name = try string()
    guard let behaviour = SplitBehaviour(rawValue: name) else {
      throw error(
        "is \"\(name)\" and must be one of \(SplitBehaviour.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return behaviour
  }
}

/// Splits every piece at the matches of a pattern.
struct SplitPretokenizer: Pretokenizer {
  let pattern: any SplitPattern
  let behaviour: SplitBehaviour

  /// Whether the text between the matches counts as the matches.
  var inverted = false

  func split(_ pieces: Pieces) -> Pieces {
    var result = pieces
    result.ranges.removeAll(keepingCapacity: true)
    pieces.bytes.withUnsafeBufferPointer { bytes in
      for range in pieces.ranges {
        var splitter = Splitter(behaviour: behaviour)
        pattern.forEachSegment(of: bytes.slice(range)) { segment, isMatch in
          splitter.add(segment, isMatch: isMatch != inverted)
        }
        for part in splitter.parts where !part.isEmpty {
          result.ranges.append(range.lowerBound + part.lowerBound..<range.lowerBound + part.upperBound)
        }
      }
    }
    return result
  }
}

/// Joins the segments of one piece, matches and what is between them, as the behaviour asks.
private struct Splitter {
  let behaviour: SplitBehaviour
  var parts: [Range<Int>] = []
  private var lastWasMatch = false
  private var matchAwaitsNext = false

  init(behaviour: SplitBehaviour) { self.behaviour = behaviour }

  mutating func add(_ segment: Range<Int>, isMatch: Bool) {
    let joins: Bool
    switch behaviour {
    case .removed:
      if !isMatch { parts.append(segment) }
      return
    case .isolated: joins = false
    case .mergedWithPrevious: joins = isMatch && !lastWasMatch
    case .mergedWithNext:
      // Of several matches in a row the last joins what follows, be it the end.
      joins = !isMatch && matchAwaitsNext
      matchAwaitsNext = isMatch
    case .contiguous: joins = isMatch == lastWasMatch
    }
    lastWasMatch = isMatch
    if joins, let last = parts.last {
      parts[parts.count - 1] = last.lowerBound..<segment.upperBound
    } else {
      parts.append(segment)
    }
  }
}
