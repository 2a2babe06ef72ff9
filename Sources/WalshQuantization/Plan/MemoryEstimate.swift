import WalshCheckpoints
import WalshModels

/// The memory that a run needs, in bytes, estimated from shapes. Nothing of it grows with the number of blocks but
/// `preparation`, which only methods have that learn on the whole model.
public struct MemoryEstimate: Sendable, Equatable {
  /// The program, its libraries and their buffers.
  public let program: Int
  /// One block in Float32, while it is transformed, solved and written.
  public let block: Int
  /// The second moment of the widest group with its factor, in Float64, or the rows that calibration of a block keeps.
  public let statistics: Int
  /// The matrices of online transforms.
  public let transforms: Int
  /// The activations of one calibration sample inside a block, or of one step of a block calibration with its gradients.
  public let sample: Int
  /// What a block calibration keeps of the block's weights between the forward and the backward pass.
  public let calibration: Int
  /// The embedding or the output layer while it is rotated and written.
  public let ends: Int
  /// The residual streams of all calibration samples.
  public let residualStream: Int
  /// The whole model with what its preparation computes; 0 when the plan has none. It grows with the model's depth.
  public let preparation: Int

  /// The largest residual stream that stays in memory when nothing else is said; a larger one goes to a scratch file.
  public static let defaultActivationLimit = 1 << 29

  /// The estimate for `plan` on a model.
  ///
  /// - Throws: `CheckpointError` when a tensor is missing in `source`.
  init(
    _ plan: Plan, of outline: ModelOutline, source: Checkpoint, samples: Int, context: Int
  ) throws(CheckpointError) {
    program = 64 << 20
    var largest = 0
    var widest = 0
    var activations = 0
    var rows = 0
    for block in outline.blocks {
      var count = 0
      for name in source.names where name.hasPrefix(block.prefix) { count += try source.tensor(name).count }
      largest = max(largest, count)
      var width = 4 * outline.hiddenSize
      var kept = 0
      for group in block.groups {
        width += 3 * group.width
        if plan[group].weights != nil, plan[group].solver.needsHessian { widest = max(widest, group.width) }
        if case .calibrated(let calibration) = plan[group].transform { kept += calibration.needs.rows * group.width }
      }
      rows = max(rows, min(kept, samples * context * width))
      activations = max(activations, width)
    }
    // The block as read, as changed, as written, and a layer with its error in Float64.
    self.block = largest * 4 * 4
    // The moment, its damped copy, the inverse and the factor, each with LAPACK's copy; rows as kept, and those of a group
    // stacked and mapped.
    statistics = max(8 * widest * widest * 8, 3 * rows * 4)
    // A matrix is made from the identity, compared with the known ones, and written.
    transforms = 6 * plan.largestStoredTransform(of: outline)
    if let calibration = plan.blockCalibration {
      // Every activation is kept for the backward pass, and some have a gradient at the same time.
      sample = 3 * activations * context * min(samples, calibration.samplesPerStep) * 4
      // Folded, clipped and rounded weights, and the gradients of two of them.
      self.calibration = 5 * largest * 4
    } else {
      sample = plan.calibrationReason == nil ? 0 : 2 * activations * context * 4
      calibration = 0
    }
    let embedding = try source.tensor(outline.embedding)
    // Read and mapped, or written beside what was read.
    ends = embedding.byteCount * 2 + embedding.count * 4
    residualStream =
      plan.calibrationReason == nil ? 0 : plan.streamCount * samples * context * outline.hiddenSize * 4
    preparation = try plan.preparation?.byteCount(for: plan, of: outline, source: source, context: context) ?? 0
  }

  /// What the run needs with its residual stream in a scratch file: no limit may be below.
  public var minimum: Int { program + max(block + statistics + transforms + sample + calibration, ends, preparation) }

  /// What the run needs when it is given no limit.
  public var peak: Int { peak(activationLimit: Self.defaultActivationLimit) }

  /// What the run needs when a residual stream above `activationLimit` bytes goes to a scratch file.
  public func peak(activationLimit: Int) -> Int {
    let stream = residualStream <= activationLimit ? residualStream : 0
    // The preparation is over before the stream begins.
    return program + max(block + statistics + transforms + sample + stream, ends + stream, preparation)
  }

  /// The bytes that are left for the residual stream when the run may use `limit` bytes in all: `QuantizationRun`'s
  /// `activationLimit` for `--memory`.
  ///
  /// - Throws: `QuantizationError` when the limit is below what one block needs.
  public func activationLimit(within limit: Int) throws(QuantizationError) -> Int {
    guard limit >= minimum else {
      let need = preparation == minimum - program ? "learning on the whole model" : "one block with its statistics"
      throw QuantizationError(
        "--memory \(ByteCount(limit))",
        "\(need) needs \(ByteCount(minimum)); allow at least that, or shorten --context.")
    }
    return limit - program - max(block + statistics + transforms + sample, ends)
  }
}

/// A number of bytes as people write it: `2GB`, `512 MiB`, `800000`.
public struct ByteCount: Sendable, Equatable, CustomStringConvertible {
  /// The bytes.
  public let value: Int

  public init(_ value: Int) { self.value = value }

  /// Reads a number with a unit: B, kB, MB, GB, TB are powers of 1000, KiB, MiB, GiB, TiB powers of 1024; any letter case,
  /// with or without a space; none means bytes. nil for anything else, for a negative number and one beyond an Int.
  public init?(_ text: String) {
    let trimmed = text.trimmingPrefix(" ")
    let digits = trimmed.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let unit = trimmed.dropFirst(digits.count).drop { $0 == " " }.lowercased()
    let names = ["b", "k", "m", "g", "t"]
    guard let number = Double(digits), number.isFinite else { return nil }
    var factor = 1.0
    if !unit.isEmpty {
      guard let power = names.firstIndex(where: { unit.hasPrefix($0) }) else { return nil }
      let binary = power > 0 && unit == names[power] + "ib"
      guard binary || unit == names[power] || (power > 0 && unit == names[power] + "b") else { return nil }
      for _ in 0..<power { factor *= binary ? 1024 : 1000 }
    }
    guard let value = Int(exactly: (number * factor).rounded(.up)) else { return nil }
    self.value = value
  }

  /// Three digits and a decimal unit, rounded up: `1.43 GB`.
  public var description: String {
    let units = ["B", "kB", "MB", "GB", "TB"]
    var size = Double(value)
    var unit = 0
    while size >= 1000, unit < units.count - 1 { (size, unit) = (size / 1000, unit + 1) }
    if unit == 0 { return "\(value) B" }
    let scale: Double = size < 10 ? 100 : size < 100 ? 10 : 1
    let rounded = (size * scale).rounded(.up) / scale
    return "\(rounded == rounded.rounded() && scale == 1 ? "\(Int(rounded))" : "\(rounded)") \(units[unit])"
  }
}
