/// Why a recipe cannot be had.
public enum RecipeError: Error, Equatable, CustomStringConvertible {
  /// No recipe has this name.
  case unknownName(String, known: [String])
  /// A saved state does not belong to the recipe.
  case invalidState(recipe: String, cause: String)

  public var description: String {
    switch self {
    case .unknownName(let name, let known):
      "There is no recipe called “\(name)”; choose one of \(known.joined(separator: ", "))."
    case .invalidState(let recipe, let cause):
      "The saved state does not belong to the recipe \(recipe): \(cause); start the run anew or resume it with the recipe it began with."
    }
  }
}
