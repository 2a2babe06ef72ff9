import Foundation
import WalshCheckpoints
import WalshQuantization

/// What a study notes beside a quantized folder, so that another run of it need not make the folder again.
struct StudyRecord {
  /// Base, request and calibration text.
  let fingerprint: String
  /// How long quantization took; of an interrupted one, its last part.
  let seconds: Double
  /// The error of each layer.
  let layers: [LayerReport]

  init(fingerprint: String, seconds: Double, layers: [LayerReport]) {
    self.fingerprint = fingerprint
    self.seconds = seconds
    self.layers = layers
  }

  /// The record of `folder`; nil when there is none that can be read.
  init?(beside folder: URL) {
    guard let bytes = try? Data(contentsOf: Self.file(beside: folder)), let json = try? JSON(parsing: [UInt8](bytes)),
      let fingerprint = json["fingerprint"]?.stringValue, let seconds = json["seconds"]?.doubleValue,
      let layers = json["layers"]?.arrayValue
    else { return nil }
    self.init(fingerprint: fingerprint, seconds: seconds, layers: layers.compactMap(LayerReport.init(json:)))
  }

  /// Writes the record of `folder`.
  func write(beside folder: URL) throws(CheckpointError) {
    let json: JSON = [
      "fingerprint": .string(fingerprint), "seconds": .number(JSONNumber(seconds)),
      "layers": .array(layers.map(\.json)),
    ]
    try DurableFile.write(json.serialized(pretty: true) + [UInt8(ascii: "\n")], to: Self.file(beside: folder))
  }

  private static func file(beside folder: URL) -> URL {
    folder.deletingLastPathComponent().appending(path: folder.lastPathComponent + ".json")
  }
}
