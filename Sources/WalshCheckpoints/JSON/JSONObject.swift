/// The members of a JSON object in the order they were written; keys are equal when their UTF-8
/// bytes are.
///
/// Look-up costs one hash; removal shifts the members behind it.
public struct JSONObject: Sendable {
  /// One member.
  public typealias Member = (key: String, value: JSON)

  private var storage = OrderedMembers<JSON>()

  /// The members in order; no key occurs twice.
  public var members: [Member] { storage.members }

  /// No members.
  public init() {}

  /// The members in order; a later member replaces an earlier one of the same key.
  public init(_ members: some Sequence<(String, JSON)>) {
    for (key, value) in members { self[key] = value }
  }

  /// How many members there are.
  public var count: Int { members.count }

  /// Whether there is no member.
  public var isEmpty: Bool { members.isEmpty }

  /// The keys in order.
  public var keys: [String] { members.map(\.key) }

  /// The value of `key`. Setting replaces in place or appends; setting nil removes.
  public subscript(key: String) -> JSON? {
    get { storage[key] }
    set {
      if let newValue { storage.set(key, to: newValue) } else { remove(key) }
    }
  }

  /// Removes the member of `key`, keeping the order of the others; returns its value, nil when
  /// there was none.
  @discardableResult
  public mutating func remove(_ key: String) -> JSON? { storage.remove(key) }

  /// Appends a member; false, and no change, when the key is there already.
  mutating func append(_ key: String, _ value: JSON) -> Bool { storage.append(key, value) }
}

extension JSONObject: Equatable {
  /// Whether both hold the same keys, byte by byte, with the same values in the same order.
  public static func == (left: JSONObject, right: JSONObject) -> Bool {
    left.members.elementsEqual(right.members) {
      $0.key.utf8.elementsEqual($1.key.utf8) && $0.value == $1.value
    }
  }
}

extension JSONObject: RandomAccessCollection {
  /// The place of the first member.
  public var startIndex: Int { 0 }

  /// The place after the last member.
  public var endIndex: Int { storage.members.count }

  /// The member at `position` in the order they were written.
  public subscript(position: Int) -> Member { storage.members[position] }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  /// The members in order; a later one replaces an earlier one of the same key.
  public init(dictionaryLiteral elements: (String, JSON)...) { self.init(elements) }
}
