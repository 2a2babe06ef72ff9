import Foundation
import Synchronization
import WalshCheckpoints
import WalshTensor

/// Measures in the first steps of a run how much quantization hurts each layer's weight gradient, then keeps the layers
/// that suffer most in bfloat16.
///
/// Until the choice is made every layer trains in bfloat16; a measured backward pass costs two more weight gradients.
final class GradientErrorMeasurement: RecipeState {
  private struct Values {
    /// Per layer: the sum of relative errors and how many there are.
    var errors: [String: (sum: Double, count: Int)] = [:]
    var endedSteps = 0
    /// The layers that stay in bfloat16, nil until the choice is made.
    var kept: Set<String>?
  }

  private let recipe: String
  private let fraction: Double
  private let steps: Int
  private let values = Mutex(Values())

  init(recipe: String, fraction: Double, steps: Int) {
    precondition(
      (0...1).contains(fraction) && steps > 0, "A share of 0 to 1 of the layers is measured in 1 or more steps.")
    self.recipe = recipe
    self.fraction = fraction
    self.steps = steps
  }

  var isMeasuring: Bool { values.withLock { $0.kept == nil } }

  /// Whether a layer is in bfloat16 now: all while measuring, the chosen ones afterwards.
  func keepsInHighPrecision(_ path: String) -> Bool { values.withLock { $0.kept?.contains(path) ?? true } }

  /// Adds ‖dW − exact‖ / ‖exact‖; a gradient that is not finite counts as the largest error there is.
  func observe(_ gradient: Tensor, exact: Tensor, path: String) {
    let norm = exact.sumOfSquares
    let ratio = norm == 0 ? 0 : ((gradient - exact).sumOfSquares / norm).squareRoot()
    let error = ratio.isFinite ? ratio : Double.greatestFiniteMagnitude.squareRoot()
    values.withLock { values in
      let before = values.errors[path] ?? (0, 0)
      values.errors[path] = (before.sum + error, before.count + 1)
    }
  }

  func endOfStep(_ step: Int) {
    values.withLock { values in
      guard values.kept == nil else { return }
      values.endedSteps += 1
      guard values.endedSteps >= steps else { return }
      let ranked = values.errors.map { (path: $0.key, error: $0.value.sum / Double($0.value.count)) }.sorted {
        $0.error != $1.error ? $0.error > $1.error : $0.path < $1.path
      }
      values.kept = Set(ranked.prefix(HighPrecisionLayers.share(fraction, of: ranked.count)).map(\.path))
    }
  }

  func save() -> JSON {
    values.withLock { values in
      let errors = values.errors.sorted { $0.key < $1.key }.map { path, error in
        (path, JSON.object(["sum": .number(JSONNumber(error.sum)), "count": .number(JSONNumber(error.count))]))
      }
      return .object([
        "ended_steps": .number(JSONNumber(values.endedSteps)),
        "gradient_errors": .object(JSONObject(errors)),
        "kept": values.kept.map { .array($0.sorted().map(JSON.string)) } ?? .null,
      ])
    }
  }

  func restore(_ json: JSON) throws(RecipeError) {
    func invalid(_ cause: String) -> RecipeError { .invalidState(recipe: recipe, cause: cause) }
    guard let ended = json["ended_steps"]?.intValue, let errors = json["gradient_errors"]?.objectValue,
      let kept = json["kept"]
    else { throw invalid("“ended_steps”, “gradient_errors” or “kept” is missing") }
    var restored = Values()
    restored.endedSteps = ended
    for (path, error) in errors.members {
      guard let sum = error["sum"]?.doubleValue, let count = error["count"]?.intValue, count > 0 else {
        throw invalid("the gradient error of \(path) is no sum and count")
      }
      restored.errors[path] = (sum, count)
    }
    if !kept.isNull {
      guard let paths = kept.arrayValue else { throw invalid("“kept” is no list") }
      restored.kept = Set(paths.compactMap(\.stringValue))
    }
    values.withLock { $0 = restored }
  }

  var description: String {
    values.withLock { values in
      guard let kept = values.kept else {
        return "Measuring gradient errors: \(values.endedSteps) of \(steps) steps."
      }
      return values.errors.sorted { $0.key < $1.key }.map { path, error in
        let mean = String(format: "%.4f", error.sum / Double(error.count))
        return "\(path): gradient error \(mean)\(kept.contains(path) ? ", kept in bfloat16" : "")"
      }.joined(separator: "\n")
    }
  }
}
