/// Rows of text under headings, for a terminal, a page or a Markdown file.
public struct Table: Sendable, Hashable {
  /// Where the cells of a column stand.
  public enum Alignment: Sendable {
    case leading
    /// Numbers.
    case trailing
  }

  /// What a cell says beyond its text.
  public enum Emphasis: Sendable {
    case none
    /// The best of its column.
    case best
    /// Less important than the others.
    case muted
  }

  /// A heading and how its column is set.
  public struct Column: Sendable, Hashable {
    public let title: String
    public let alignment: Alignment

    public init(_ title: String, _ alignment: Alignment = .trailing) {
      self.title = title
      self.alignment = alignment
    }
  }

  /// One entry.
  public struct Cell: Sendable, Hashable, ExpressibleByStringInterpolation {
    public let text: String
    /// What qualifies the text, such as "± 0.02"; set behind or below it, empty for nothing.
    public let detail: String
    public let emphasis: Emphasis

    public init(_ text: String, detail: String = "", _ emphasis: Emphasis = .none) {
      self.text = text
      self.detail = detail
      self.emphasis = emphasis
    }

    /// Text and detail on one line.
    var line: String { detail.isEmpty ? text : "\(text) \(detail)" }

    public init(stringLiteral value: String) { self.init(value) }
  }

  public let columns: [Column]
  public private(set) var rows: [[Cell]] = []

  /// A table without rows.
  public init(columns: [Column], rows: [[Cell]] = []) {
    self.columns = columns
    for row in rows { append(row) }
  }

  /// Adds a row of as many cells as there are columns.
  public mutating func append(_ row: [Cell]) {
    precondition(row.count == columns.count, "A row of \(row.count) cells does not fit \(columns.count) columns.")
    rows.append(row)
  }

  /// The table in GitHub's Markdown; the best of a column is bold.
  public var markdown: String {
    func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |" }
    let rule = columns.map { $0.alignment == .leading ? ":---" : "---:" }
    let body = rows.map { row in
      line(
        row.map { cell in
          let text = Table.markdownEscaped(cell.text)
          let detail = cell.detail.isEmpty ? "" : " " + Table.markdownEscaped(cell.detail)
          return (cell.emphasis == .best ? "**\(text)**" : text) + detail
        })
    }
    return ([line(columns.map { Table.markdownEscaped($0.title) }), line(rule)] + body).joined(separator: "\n")
  }

  private static func markdownEscaped(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "|", "*", "_", "`", "\\", "<": result += "\\\(character)"
      case "\n": result += " "
      default: result.append(character)
      }
    }
    return result
  }
}
