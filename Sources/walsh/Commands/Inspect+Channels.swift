import ArgumentParser
import Foundation
import WalshCheckpoints
import WalshFormats
import WalshModels
import WalshQuantization
import WalshReports

extension Inspect {
  /// The channels behind every candidate transform, or of a quantized model as it is stored.
  func channelStudy(_ folder: ModelFolder, _ bar: ProgressBar) throws -> ChannelStudy {
    let windows = try firstWindows(folder)
    let isQuantized = try folder.configuration.quantization() != nil
    if isQuantized || base != nil {
      if !format.isEmpty && !patterns {
        throw ValidationError("--format: a model that is shown as it is stored has its own formats; leave it out.")
      }
      let base = try base.map { try ModelFolder(HubCache().folder(for: $0)) }
      return try ChannelStudy(stored: folder, base: base, windows: windows, progress: bar.show)
    }
    return try ChannelStudy(folder, windows: windows, format: channelFormat(), progress: bar.show)
  }

  /// The format that weights and activations are rounded to.
  func channelFormat() throws -> NumericFormat {
    let name = format.first ?? "MXFP4"
    guard let format = GroupOverride.Precision(name: name)?.format else {
      throw ValidationError("--format \(name): there is no such format; use MXFP4, NVFP4, INT4/row or INT8/row.")
    }
    return format
  }

  /// Writes the report and its drawings.
  func write(_ report: Report, to output: String) throws {
    let folder = URL(filePath: output, directoryHint: .isDirectory)
    try report.write(to: folder)
    for plot in report.plots {
      let name = plot.title.lowercased().replacing(" ", with: "-").filter { $0.isLetter || "-.".contains($0) }
      try DurableFile.write(Array(plot.svg.standalone.utf8), to: folder.appending(path: "\(name).svg"))
    }
  }
}
