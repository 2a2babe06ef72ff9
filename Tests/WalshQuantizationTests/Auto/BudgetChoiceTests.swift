import Testing
import WalshTensor

@testable import WalshQuantization

@Suite("A choice within a budget")
struct BudgetChoiceTests {
  private typealias Option = BudgetChoice.Option

  @Test("Without a limit each group gets its least loss, of equals the first")
  func unlimited() {
    let groups = [
      [Option(bits: 4, loss: 3), Option(bits: 4, loss: 1), Option(bits: 8, loss: 1)],
      [Option(bits: 4, loss: 2), Option(bits: 4, loss: 2)],
    ]
    #expect(BudgetChoice.choose(groups, budget: .infinity) == [1, 0])
  }

  @Test("Bits go where they save most, and the limit is kept")
  func limited() throws {
    let groups = [
      [Option(bits: 40, loss: 10), Option(bits: 80, loss: 1)],
      [Option(bits: 40, loss: 100), Option(bits: 80, loss: 2)],
      [Option(bits: 40, loss: 5), Option(bits: 80, loss: 4)],
    ]
    #expect(BudgetChoice.choose(groups, budget: 120) == [0, 0, 0])
    #expect(BudgetChoice.choose(groups, budget: 160) == [0, 1, 0])
    #expect(BudgetChoice.choose(groups, budget: 200) == [1, 1, 0])
    #expect(BudgetChoice.choose(groups, budget: 239) == [1, 1, 0])
    #expect(BudgetChoice.choose(groups, budget: 240) == [1, 1, 1])
    #expect(BudgetChoice.choose(groups, budget: 119) == nil)
  }

  @Test("Random problems: within the budget, and near the best of all choices")
  func random() throws {
    let stream = RandomStream(seed: 3, purpose: "test/knapsack")
    for trial in 0..<50 {
      let groups = (0..<5).map { group in
        (0..<4).map { option in
          let place = 2 * (trial * 20 + group * 4 + option)
          return Option(
            bits: Double(10 * (option + 1)), loss: stream.uniform64(at: place) * Double(100 >> (2 * option)))
        }
      }
      let budget = 50 + Double(stream.word(at: trial) % 150)
      let chosen = try #require(BudgetChoice.choose(groups, budget: budget))
      func total(_ choice: [Int], _ value: (Option) -> Double) -> Double {
        zip(groups, choice).reduce(0) { $0 + value($1.0[$1.1]) }
      }
      #expect(total(chosen, \.bits) <= budget)
      var best = Double.infinity
      for code in 0..<1024 {
        let choice = (0..<5).map { code >> (2 * $0) & 3 }
        if total(choice, \.bits) <= budget { best = min(best, total(choice, \.loss)) }
      }
      // One step of the hull away at most, which is one group's largest loss.
      let largest = groups.flatMap(\.self).map(\.loss).max() ?? 0
      #expect(total(chosen, \.loss) <= best + largest)
      #expect(total(chosen, \.loss) >= best)
    }
  }
}
