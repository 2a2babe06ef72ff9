import Foundation
import WalshCheckpoints
import WalshModels

extension ModelSize {
  /// Measures the model in `checkpoint`, whose blocks `outline` describes. Reads headers only.
  public init(of checkpoint: Checkpoint, outline: ModelOutline) {
    let widths = Dictionary(
      outline.blocks.flatMap(\.groups).flatMap { group in group.layers.map { ($0, group.width) } },
      uniquingKeysWith: { first, _ in first })
    var linearWeights = 0
    var linearBytes = 0
    var parameters = 0
    for name in checkpoint.names {
      guard let tensor = checkpoint[name], let dot = name.lastIndex(of: ".") else { continue }
      let kind = name[name.index(after: dot)...]
      if let width = widths[String(name[..<dot])], kind.hasPrefix("weight") {
        linearBytes += tensor.byteCount
        if kind == "weight" || kind == "weight_packed" {
          linearWeights += (tensor.shape.first ?? 0) * width
        }
      } else if ["weight", "bias", "A_log", "D"].contains(kind) {
        parameters += tensor.count
      }
    }
    self.init(
      linearWeights: linearWeights, linearBytes: linearBytes, parameters: parameters + linearWeights,
      tensorBytes: checkpoint.byteCount, folderBytes: Self.byteCount(ofFolder: checkpoint.folder))
  }

  /// The bytes of all regular files below `folder`, behind symbolic links too (hub caches are made of them).
  static func byteCount(ofFolder folder: URL) -> Int {
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: folder.path(percentEncoded: false))) ?? []
    return names.reduce(0) { total, name in
      let url = folder.appending(path: name).resolvingSymlinksInPath()
      let values = try? url.resourceValues(forKeys: [.fileSizeKey, .isRegularFileKey])
      return total + (values?.isRegularFile == true ? values?.fileSize ?? 0 : 0)
    }
  }
}
