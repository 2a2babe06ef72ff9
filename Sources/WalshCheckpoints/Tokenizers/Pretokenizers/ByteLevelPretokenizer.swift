/// GPT-2's pre-tokenizer: cuts text into words by a pattern, if any, and writes their bytes in ``ByteAlphabet``.
struct ByteLevelPretokenizer: Pretokenizer {
  let addsPrefixSpace: Bool
  let pattern: WordScanner?

  func split(_ pieces: Pieces) -> Pieces {
    var pieces = pieces
    if addsPrefixSpace {
      pieces = pieces.rewritten { piece, _, output in
        if piece.first != 0x20 { output.append(0x20) }
        output.append(contentsOf: piece)
      }
    }
    if let pattern { pieces = SplitPretokenizer(pattern: pattern, behaviour: .isolated).split(pieces) }
    return pieces.rewritten { piece, _, output in ByteAlphabet.write(piece, to: &output) }
  }
}
