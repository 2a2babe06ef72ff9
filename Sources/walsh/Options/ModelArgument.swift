import ArgumentParser
import Foundation
import WalshCheckpoints
import WalshModels

/// The model to work on.
struct ModelArgument: ParsableArguments {
  @Argument(help: ArgumentHelp("A Hugging Face folder, or a model id in the hub cache.", valueName: "model"))
  var model: String

  /// The folder, opened.
  func open() throws -> ModelFolder { try ModelFolder(HubCache().folder(for: model)) }
}
