/// Chooses one option for each group so that the sum of losses is small and the sum of bits within a budget.
///
/// On the lower convex hull of each group's (bits, loss), steps are taken in the order of the loss that they save for a bit,
/// which is the Lagrangian optimum at the last step taken; what is left of the budget goes to the best steps that still fit.
/// At most one step away from the true optimum, as a multiple-choice knapsack allows.
enum BudgetChoice {
  /// What an option costs and loses.
  struct Option: Equatable {
    /// All bits of the group.
    let bits: Double
    /// The estimated loss.
    let loss: Double
  }

  /// The index of the chosen option of each group; nil when even the smallest options exceed the budget.
  ///
  /// - Parameters:
  ///   - groups: at least one option each. Of equal options the first is taken.
  ///   - budget: the most bits of all groups together.
  static func choose(_ groups: [[Option]], budget: Double) -> [Int]? {
    var chosen = groups.map { options in
      options.indices.min { (options[$0].bits, options[$0].loss, $0) < (options[$1].bits, options[$1].loss, $1) } ?? 0
    }
    var bits = zip(groups, chosen).reduce(0) { $0 + $1.0[$1.1].bits }
    // Sums of whole bits are exact; the margin is for bits per weight that are not.
    let limit = budget * (1 + 1e-12)
    guard bits <= limit else { return nil }
    while let step = bestStep(groups, from: chosen, within: limit - bits) {
      bits += groups[step.group][step.option].bits - groups[step.group][chosen[step.group]].bits
      chosen[step.group] = step.option
    }
    return chosen
  }

  /// The step that saves the most loss for a bit, among those that fit.
  private static func bestStep(
    _ groups: [[Option]], from chosen: [Int], within room: Double
  ) -> (group: Int, option: Int)? {
    var best: (rate: Double, group: Int, option: Int)?
    for (group, options) in groups.enumerated() {
      let current = options[chosen[group]]
      for (index, option) in options.enumerated() where option.loss < current.loss {
        let cost = option.bits - current.bits
        guard cost <= room else { continue }
        // What costs nothing is taken first, and the largest saving of it.
        let saving = current.loss - option.loss
        let rate = cost > 0 ? saving / cost : Double.greatestFiniteMagnitude / 2 + saving
        if rate > best?.rate ?? 0 { best = (rate, group, index) }
      }
    }
    return best.map { ($0.group, $0.option) }
  }
}
