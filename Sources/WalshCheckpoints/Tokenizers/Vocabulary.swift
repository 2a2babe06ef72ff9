/// The tokens of a model and their ids, both ways; tokens are equal when their UTF-8 bytes are.
struct Vocabulary: Sendable {
  /// Ids above this are refused: no vocabulary is a hundredth as large, and a table is kept by id.
  static let largestID = 1 << 24 - 1

  private var tokens: [String?] = []
  private var ids: ByteStringTable

  /// The number of tokens, without gaps between the ids.
  private(set) var count = 0

  init(capacity: Int = 0) {
    tokens.reserveCapacity(capacity)
    ids = ByteStringTable(capacity: capacity)
  }

  /// The tokens of an object `{token: id}`. Gaps between ids are allowed, an id used twice is not.
  init(_ field: TokenizerField) throws(TokenizerError) {
    let members = try field.members()
    self.init(capacity: members.count)
    for (token, value) in members {
      guard let id = value.intValue, (0...Vocabulary.largestID).contains(id) else {
        throw field.error("gives \"\(token)\" an id that is not a whole number from 0 to \(Vocabulary.largestID)")
      }
      guard insert(token, id: id) else {
        throw field.error("gives the id \(id) to \"\(self.token(of: id) ?? "")\" and to \"\(token)\"")
      }
    }
    if count == 0 { throw field.error("is empty") }
  }

  /// One more than the largest id.
  var idLimit: Int { tokens.count }

  /// The length in bytes of the longest token.
  var longestToken: Int { ids.longestKey }

  /// False, and no change, when the token or the id is taken already.
  mutating func insert(_ token: String, id: Int) -> Bool {
    if id < tokens.count, tokens[id] != nil { return false }
    var token = token
    guard token.withUTF8({ ids.insert($0, value: id) }) else { return false }
    if id >= tokens.count { tokens.append(contentsOf: repeatElement(nil, count: id + 1 - tokens.count)) }
    tokens[id] = token
    count += 1
    return true
  }

  func id(of token: String) -> Int? {
    var token = token
    return token.withUTF8 { ids.value(of: $0) }
  }

  func id(of token: UnsafeBufferPointer<UInt8>) -> Int? { ids.value(of: token) }

  func token(of id: Int) -> String? { tokens.indices.contains(id) ? tokens[id] : nil }

  /// The ids of the tokens `<0x00>` to `<0xFF>`; nil where there is no such token.
  var byteTokens: [Int?] {
    (0...255).map { byte in
      let digits = String(byte, radix: 16, uppercase: true)
      return id(of: "<0x\(byte < 16 ? "0" : "")\(digits)>")
    }
  }
}
