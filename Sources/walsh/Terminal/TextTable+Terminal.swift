import Foundation
import WalshReports

extension TextTable.Style {
  /// Colours on a terminal, unless NO_COLOR says otherwise.
  static var standard: TextTable.Style {
    let wantsColour = ProcessInfo.processInfo.environment["NO_COLOR", default: ""].isEmpty
    return isatty(STDOUT_FILENO) == 1 && wantsColour ? .coloured : .plain
  }
}
