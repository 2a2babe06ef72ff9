import Foundation

extension JSON {
  /// The JSON object in the file `url`.
  ///
  /// - Throws: `CheckpointError` when the file cannot be read, is no JSON, or holds something else than an object.
  static func object(in url: URL) throws(CheckpointError) -> JSONObject {
    let file = try MappedFile(url)
    let parsed = file.withUnsafeBytes(0..<file.count) { bytes in
      Result { () throws(JSONError) in try JSON(parsing: bytes) }
    }
    switch parsed {
    case .success(.object(let object)): return object
    case .success(let other): throw CheckpointError(url, "it holds \(other.kind), not a JSON object.")
    case .failure(let error): throw CheckpointError(url, error.description)
    }
  }
}
