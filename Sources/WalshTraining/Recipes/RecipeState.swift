import WalshCheckpoints

/// What a recipe learns during a run, such as the outlier patterns of AdaHOP.
///
/// The recipe observes tensors by itself while products are computed. The trainer has three duties:
///
/// 1. call `endOfStep(_:)` after every optimizer step;
/// 2. write `save()` into each of its own checkpoints;
/// 3. call `restore(_:)` with it before the first step of a resumed run, which then continues as if never interrupted.
///
/// Observations of a step that has not ended are not saved: a trainer saves between steps.
public protocol RecipeState: AnyObject, Sendable, CustomStringConvertible {
  /// Closes `step`, counted from 0, after the optimizer has taken it.
  func endOfStep(_ step: Int)

  /// All that a resumed run needs.
  func save() -> JSON

  /// Replaces the state by what `save()` gave.
  ///
  /// - Throws: `RecipeError.invalidState` when `json` does not come from this recipe; the state is then unchanged.
  func restore(_ json: JSON) throws(RecipeError)

  /// What has been decided so far, for the log: one line for each layer, or a sentence.
  var description: String { get }
}
