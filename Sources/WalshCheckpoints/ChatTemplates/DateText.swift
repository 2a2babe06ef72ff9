import Foundation

/// A date written by a format of C's `strftime`, in English and in the local time zone.
struct DateText {
  let date: Date
  var calendar = Calendar(identifier: .gregorian)

  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
  ]
  private static let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

  /// The formats %Y %y %m %d %e %B %b %A %a %H %I %M %S %p %j %F %T %%; a minus sign drops leading zeros.
  /// Others stay as they are.
  func formatted(_ format: String) -> String {
    var result = ""
    var scalars = format.unicodeScalars[...]
    while let scalar = scalars.popFirst() {
      guard scalar == "%", let next = scalars.popFirst() else {
        result.unicodeScalars.append(scalar)
        continue
      }
      var letter = next
      let isPadded = letter != "-"
      if !isPadded, let following = scalars.popFirst() { letter = following }
      result += field(letter, isPadded: isPadded) ?? "%\(isPadded ? "" : "-")\(letter)"
    }
    return result
  }

  private func field(_ letter: Unicode.Scalar, isPadded: Bool) -> String? {
    let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second, .weekday], from: date)
    guard let year = parts.year, let month = parts.month, let day = parts.day, let hour = parts.hour,
      let minute = parts.minute, let second = parts.second, let weekday = parts.weekday
    else { return nil }
    func number(_ value: Int, _ width: Int = 2) -> String {
      let digits = String(value)
      return isPadded ? String(repeating: "0", count: max(0, width - digits.count)) + digits : digits
    }
    switch letter {
    case "Y": return String(year)
    case "y": return number(year % 100)
    case "m": return number(month)
    case "d": return number(day)
    case "e": return isPadded && day < 10 ? " \(day)" : String(day)
    case "B": return Self.months[month - 1]
    case "b", "h": return String(Self.months[month - 1].prefix(3))
    case "A": return Self.days[weekday - 1]
    case "a": return String(Self.days[weekday - 1].prefix(3))
    case "H": return number(hour)
    case "I": return number((hour + 11) % 12 + 1)
    case "M": return number(minute)
    case "S": return number(second)
    case "p": return hour < 12 ? "AM" : "PM"
    case "j": return calendar.ordinality(of: .day, in: .year, for: date).map { number($0, 3) }
    case "F": return "\(year)-\(number(month))-\(number(day))"
    case "T": return "\(number(hour)):\(number(minute)):\(number(second))"
    case "%": return "%"
    default: return nil
    }
  }
}
