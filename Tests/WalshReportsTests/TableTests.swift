import Testing

@testable import WalshReports

@Suite("Tables")
struct TableTests {
  let table = Table(
    columns: [Table.Column("Model", .leading), Table.Column("Loss"), Table.Column("Note", .leading)],
    rows: [
      ["base", Table.Cell("0.70", detail: "± 1"), "–"],
      [Table.Cell("größer 模型"), Table.Cell("10.25", .best), Table.Cell("", .muted)],
    ])

  @Test("Columns align, wide characters count twice, and details stand beside their cell")
  func plain() {
    #expect(
      TextTable(table).text() == """
        Model            Loss  Note
        ───────────  ────────  ────
        base         0.70 ± 1  –
        größer 模型     10.25  \("")

        """)
  }

  @Test("Colours surround cells and change no width")
  func coloured() {
    let text = TextTable(table).text(.coloured)
    #expect(text.contains("\u{1B}[1;32m10.25\u{1B}[0m"))
    #expect(text.replacing(/\u{1B}\[[0-9;]*m/, with: "") == TextTable(table).text())
  }

  @Test("A table without rows is its heading")
  func empty() {
    #expect(TextTable(Table(columns: [Table.Column("A")])).text() == "A\n─\n")
  }

  @Test(
    "Figures are written for reading",
    arguments: [
      (Figure.fixed(-0.00001, 3), "0.000"), (Figure.fixed(-1.5, 1), "−1.5"), (Figure.signed(0.25, 2), "+0.25"),
      (Figure.signed(-0.25, 2), "−0.25"), (Figure.signed(0, 2), "0.00"), (Figure.significant(0.012345, 3), "0.0123"),
      (Figure.significant(1234.5, 3), "1234"), (Figure.significant(1.25e-7, 2), "1.2·10⁻⁷"),
      (Figure.significant(1e-6, 1), "10⁻⁶"), (Figure.significant(0, 3), "0"), (Figure.significant(.nan, 3), "–"),
      (Figure.significant(.infinity, 3), "∞"), (Figure.percent(0.98765, 1), "98.8 %"), (Figure.bytes(999), "999 B"),
      (Figure.bytes(3_881_848), "3.88 MB"), (Figure.bytes(999_700), "1.00 MB"), (Figure.binary(4096), "4 Ki"),
      (Figure.binary(12288), "12 Ki"), (Figure.binary(1_048_576), "1 Mi"), (Figure.binary(100), "100"),
    ])
  func figures(written: String, expected: String) {
    #expect(written == expected)
  }

  @Test("The comparison's table emphasises the best candidate, never the base")
  func comparison() {
    let table = Sample.comparison.table
    #expect(
      table.columns.map(\.title) == [
        "Model", "Loss", "Perplexity", "Δ loss", "KL", "KL 99.9 %", "Same top-1", "Bits/weight", "Size", "Tokens/s",
      ])
    #expect(table.rows[0].allSatisfy { $0.emphasis != .best })
    #expect(table.rows[4][1].emphasis == .best)
    #expect(table.rows[4][9].text == "–")
    #expect(table.rows[3][9].emphasis == .best)
    // All candidates have the same bits per weight: none is best.
    #expect(table.rows.allSatisfy { $0[7].emphasis != .best })
  }
}
