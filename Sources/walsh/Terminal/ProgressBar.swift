import Foundation
import WalshModels

/// Shows progress on the standard error: a bar with the time left on a terminal, else a plain line now and then.
final class ProgressBar {
  private let isSilent: Bool
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private let start = Date()
  private var phase = ""
  private var phaseStart = Date()
  private var lastLine = Date.distantPast
  private var isDrawn = false

  init(isSilent: Bool) { self.isSilent = isSilent }

  deinit { clear() }

  /// Shows an update; cheap enough to be called for every step.
  func show(_ update: ProgressUpdate) {
    guard !isSilent else { return }
    // Labels that count (block 3 of 16) are one phase.
    let phase = update.label.filter { !$0.isNumber }
    if phase != self.phase && update.done <= 1 {
      self.phase = phase
      phaseStart = Date()
    }
    let now = Date()
    guard now.timeIntervalSince(lastLine) > (isTerminal ? 0.1 : 2) else { return }
    // Nothing under two seconds deserves a line in a log.
    if !isTerminal && now.timeIntervalSince(start) < 2 { return }
    lastLine = now
    let line = "\(update.label)\(timeLeft(update))"
    if isTerminal {
      let width = 24
      let filled = update.total > 0 ? min(width, width * update.done / update.total) : 0
      let bar = String(repeating: "━", count: filled) + String(repeating: "·", count: width - filled)
      write("\r\u{1B}[2K\(bar) \(line)")
      isDrawn = true
    } else {
      write("\(percent(update)) \(line)\n")
    }
  }

  /// Removes the bar, so that what follows begins on a clean line.
  func clear() {
    if isDrawn { write("\r\u{1B}[2K") }
    isDrawn = false
  }

  private func percent(_ update: ProgressUpdate) -> String {
    update.total > 0 ? "\(100 * update.done / update.total)%" : ""
  }

  private func timeLeft(_ update: ProgressUpdate) -> String {
    let elapsed = Date().timeIntervalSince(phaseStart)
    guard update.done > 0, update.total > update.done, elapsed > 1 else { return "" }
    return ", " + duration(elapsed / Double(update.done) * Double(update.total - update.done)) + " left"
  }

  private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
