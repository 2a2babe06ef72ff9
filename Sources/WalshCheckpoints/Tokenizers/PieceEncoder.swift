/// Encodes the pieces of one text and remembers short ones, because words recur.
struct PieceEncoder {
  let model: any SubwordModel
  var ids: [Int] = []
  private var known = ByteStringTable()
  /// The places in `remembered` of the ids of each known piece.
  private var places: [Range<Int>] = []
  private var remembered: [Int] = []

  /// Longer pieces rarely recur.
  private static let longestKnown = 64
  /// Bounds the memory on texts without end.
  private static let mostKnown = 1 << 18

  init(model: any SubwordModel) { self.model = model }

  mutating func encode(_ pieces: Pieces) {
    ids.reserveCapacity(ids.count + pieces.ranges.count)
    pieces.bytes.withUnsafeBufferPointer { bytes in
      for range in pieces.ranges { encode(bytes.slice(range)) }
    }
  }

  private mutating func encode(_ piece: UnsafeBufferPointer<UInt8>) {
    guard piece.count <= Self.longestKnown else { return model.encode(piece, into: &ids) }
    if let place = known.value(of: piece) {
      for index in places[place] { ids.append(remembered[index]) }
      return
    }
    let start = ids.count
    model.encode(piece, into: &ids)
    guard known.count < Self.mostKnown, known.insert(piece, value: places.count) else { return }
    places.append(remembered.count..<remembered.count + ids.count - start)
    remembered.append(contentsOf: ids[start...])
  }
}
