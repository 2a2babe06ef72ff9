/// The members of a JSON object in the order they were written; keys are equal when their UTF-8
/// bytes are.
///
/// Look-up costs one hash; removal shifts the members behind it.
public struct JSONObject: Sendable {
  /// One member.
  public typealias Member = (key: String, value: JSON)

  /// The members in order; no key occurs twice.
  public private(set) var members: [Member] = []
  private var places: [JSONKey: Int] = [:]

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

  /// Room for `count` members without growing.
  mutating func reserveCapacity(_ count: Int) {
    members.reserveCapacity(count)
    places.reserveCapacity(count)
  }

  /// The value of `key`. Setting replaces in place or appends; setting nil removes.
  public subscript(key: String) -> JSON? {
    get { places[JSONKey(key)].map { members[$0].value } }
    set {
      guard let newValue else {
        remove(key)
        return
      }
      if let place = places[JSONKey(key)] {
        members[place].value = newValue
      } else {
        append(key, newValue)
      }
    }
  }

  /// Removes the member of `key`, keeping the order of the others; returns its value, nil when
  /// there was none.
  @discardableResult
  public mutating func remove(_ key: String) -> JSON? {
    guard let place = places.removeValue(forKey: JSONKey(key)) else { return nil }
    let value = members.remove(at: place).value
    for index in place..<members.count { places[JSONKey(members[index].key)] = index }
    return value
  }

  /// Appends a member; false, and no change, when the key is there already.
  @discardableResult
  mutating func append(_ key: String, _ value: JSON) -> Bool {
    let former = places.updateValue(members.count, forKey: JSONKey(key))
    if let former {
      places[JSONKey(key)] = former
      return false
    }
    members.append((key, value))
    return true
  }
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
  public var startIndex: Int { members.startIndex }
  public var endIndex: Int { members.endIndex }
  public subscript(position: Int) -> Member { members[position] }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  public init(dictionaryLiteral elements: (String, JSON)...) { self.init(elements) }
}

/// A key equal to another when the UTF-8 bytes are; Swift's own string equality is canonical
/// equivalence.
struct JSONKey: Hashable, Sendable {
  let text: String

  init(_ text: String) { self.text = text }

  static func == (left: JSONKey, right: JSONKey) -> Bool {
    var left = left.text
    var right = right.text
    return left.withUTF8 { left in
      right.withUTF8 { right in left.count == right.count && left.elementsEqual(right) }
    }
  }

  func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}
