import Foundation
import WalshCheckpoints
import WalshModels
import WalshQuantization
import WalshTensor

func loss(_ folder: URL, _ n: Int = 100) throws {
  let checkpoint = try Checkpoint(folder: folder)
  let model = try LanguageModel(checkpoint)
  let tok = try Tokenizer(tokenizerJSON: JSON(parsing: [UInt8](Data(contentsOf: folder.appending(path: "tokenizer.json")))))
  let docs = try JSON(parsing: [UInt8](Data(contentsOf: URL(filePath: "/work/shared/data/tinystories/stories-1000.json")))).arrayValue!
  var total = 0.0, count = 0
  let t = Date()
  for d in docs.prefix(n) {
    let ids = Array(([1] + tok.encode(d.stringValue!, addingSpecialTokens: false)).prefix(256))
    let l = model.logits(for: ids)
    let nll = l.rows(0..<ids.count - 1).negativeLogLikelihood(of: Array(ids.dropFirst()))
    total += nll.reduce(0, +); count += nll.count
  }
  print(folder.lastPathComponent, count, total / Double(count), Date().timeIntervalSince(t))
}
let base = URL(filePath: CommandLine.arguments[1])
try loss(base)
for (preset, method) in [("full", "rotation"), ("MXFP4", "rtn"), ("MXFP4", "gptq"), ("MXFP4", "rotation"), ("NVFP4", "rtn"), ("NVFP4", "rotation"), ("W4A16", "gptq"), ("W4A4KV4", "rtn"),("W4A4KV4", "rotation"),("full", "smoothquant"), ("W8A8", "smoothquant")] {
  do {
  let request = QuantizationRequest(method: .init(rawValue: method)!, preset: Preset(named: preset)!, samples: 64, context: 256)
  let tok = try Tokenizer(tokenizerJSON: JSON(parsing: [UInt8](Data(contentsOf: base.appending(path: "tokenizer.json")))))
  let cal = try CalibrationText(URL(filePath: "/work/shared/data/tinystories/stories-1000.json"), tokenizer: tok, beginToken: 1, count: 64, context: 256, seed: 0)
  let run = try QuantizationRun(source: Checkpoint(folder: base), request: request, calibration: cal)
  let out = URL(filePath: "/tmp/out/\(preset)-\(method)")
  let t = Date()
  let reports = try run.write(to: out, existing: .replace)
  print("quantized in", Date().timeIntervalSince(t), reports.first?.weightError ?? 0, reports.first?.outputError ?? 0)
  try loss(out)
  } catch { print("ERROR", error) }
}
