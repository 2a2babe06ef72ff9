import Foundation
import WalshFormats
import WalshTensor

/// The scale rule that the released code of DuQuant++ calls MXFP4 and that is none: 256 levels, spaced evenly in the
/// logarithm, between the smallest and the largest block scale of the whole tensor.
///
/// g_i = max|block i| / 6, at least 2^−126; lo and hi are the least and the greatest log₂ g_i;
/// s_i = 2^(lo + (hi − lo)·k_i/255) with k_i = ⌊255·(log₂ g_i − lo)/(hi − lo)⌋. Elements are E2M1.
///
/// For reproducing published figures only. It is no `NumericFormat`: no file holds such scales, and a token's value depends
/// on the other tokens of the batch. Where all blocks have one scale the released code divides zero by zero; here they get
/// it.
///
/// Source: released code of arXiv 2604.17789 (specification, section 5.3).
struct LogUniformScales {
  /// Elements that share a scale.
  let groupSize: Int

  init(groupSize: Int = 32) { self.groupSize = groupSize }

  /// `x` rounded; its columns must be a multiple of the group size.
  func fakeQuantize(_ x: Tensor) -> Tensor {
    precondition(x.columns % groupSize == 0, "Groups of \(groupSize) do not divide \(x.columns) columns.")
    let groups = x.reshaped(to: [x.count / groupSize, groupSize])
    let logarithms = (0..<groups.rowCount).map { log2(max(Double(groups.row($0).maxMagnitude) / 6, 0x1p-126)) }
    let (low, high) = (logarithms.min() ?? 0, logarithms.max() ?? 0)
    let step = (high - low) / 255
    return Tensor(shape: x.shape) { out in
      groups.withUnsafeBufferPointer { values in
        for (group, logarithm) in logarithms.enumerated() {
          let level = step > 0 ? min(255, ((logarithm - low) / step).rounded(.down)) : 0
          let scale = Float(exp2(low + step * level))
          for i in group * groupSize..<(group + 1) * groupSize {
            out[i] = E2M1.decode(E2M1.encode(values[i] / scale)) * scale
          }
        }
      }
    }
  }
}
