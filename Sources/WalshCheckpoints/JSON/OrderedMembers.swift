/// Values by key, in the order they were added; keys are equal when their UTF-8 bytes are.
struct OrderedMembers<Value> {
  private(set) var members: [(key: String, value: Value)] = []

  /// The places of the keys; nil as long as there are so few that looking at each is quicker.
  private var places: ByteStringTable?

  private static var fewest: Int { 8 }

  private func place(of key: String) -> Int? {
    var key = key
    return key.withUTF8 { key in
      if let places { return places.value(of: key) }
      return members.firstIndex { $0.key.utf8.count == key.count && $0.key.utf8.elementsEqual(key) }
    }
  }

  subscript(key: String) -> Value? { place(of: key).map { members[$0].value } }

  /// Replaces the value of `key` in place, or appends it.
  mutating func set(_ key: String, to value: Value) {
    if let place = place(of: key) {
      members[place].value = value
    } else {
      _ = append(key, value)
    }
  }

  /// Appends a member; false, and no change, when the key is there already.
  mutating func append(_ key: String, _ value: Value) -> Bool {
    var key = key
    if places == nil {
      guard place(of: key) == nil else { return false }
    } else if key.withUTF8({ places?.insert($0, value: members.count) }) == false {
      return false
    }
    members.append((key, value))
    if places == nil, members.count > Self.fewest { index() }
    return true
  }

  /// Removes the member of `key`, keeping the order of the others.
  mutating func remove(_ key: String) -> Value? {
    guard let place = place(of: key) else { return nil }
    let value = members.remove(at: place).value
    if places != nil { index() }
    return value
  }

  private mutating func index() {
    var table = ByteStringTable(capacity: 2 * members.count)
    for (place, member) in members.enumerated() {
      var key = member.key
      key.withUTF8 { _ = table.insert($0, value: place) }
    }
    places = table
  }
}

extension OrderedMembers: Sendable where Value: Sendable {}
