/// Sets a table in a terminal: aligned columns, a rule below the headings, two spaces between columns.
public struct TextTable: Sendable {
  /// What the terminal can show.
  public enum Style: Sendable {
    /// Letters only: for files, pipes and `NO_COLOR`.
    case plain
    /// With ANSI colours.
    case coloured
  }

  private let table: Table

  public init(_ table: Table) { self.table = table }

  /// The lines of the table, each ended by a new line.
  public func text(_ style: Style = .plain) -> String {
    let columns = table.columns.indices.map { index in
      max(
        displayWidth(table.columns[index].title), table.rows.map { displayWidth($0[index].line) }.max() ?? 0)
    }
    func line(_ cells: [String], _ paint: (Int, String) -> String) -> String {
      var line = ""
      for (index, cell) in cells.enumerated() {
        let padding = String(repeating: " ", count: columns[index] - displayWidth(cell))
        let isTrailing = table.columns[index].alignment == .trailing
        line += (index > 0 ? "  " : "") + (isTrailing ? padding : "") + paint(index, cell)
        // The last column needs no blanks behind it.
        if !isTrailing && index + 1 < cells.count { line += padding }
      }
      return line + "\n"
    }
    func painted(_ text: String, _ code: String) -> String {
      style == .coloured && !text.isEmpty ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
    var text = line(table.columns.map(\.title)) { painted($1, "1") }
    text += painted(columns.map { String(repeating: "─", count: $0) }.joined(separator: "  "), "2") + "\n"
    for row in table.rows {
      text += line(row.map(\.line)) { index, cell in
        switch row[index].emphasis {
        case .none: cell
        case .best: painted(cell, "1;32")
        case .muted: painted(cell, "2")
        }
      }
    }
    return text
  }
}

/// The number of terminal cells that `text` takes: two for East Asian wide characters and emoji, one for others.
func displayWidth(_ text: String) -> Int {
  text.reduce(0) { width, character in
    guard let scalar = character.unicodeScalars.first else { return width }
    let isWide: Bool =
      switch scalar.value {
      case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
        0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD:
        true
      default: false
      }
    return width + (isWide ? 2 : 1)
  }
}
