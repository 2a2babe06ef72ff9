import TestSupport
import Testing
import WalshFormats
import WalshTensor

@testable import WalshTraining

@Suite("End to end: a small network trained by every recipe")
struct RecipeTrainingTests {
  /// Two linear layers with a ReLU learn a noisy teacher by gradient descent; the mean loss of the last 20 steps.
  private func finalLoss(_ recipe: any MatmulRecipe, steps: Int = 200) -> Double {
    func matrix(_ rows: Int, _ columns: Int, _ name: String, _ scale: Float) -> Tensor {
      RecipeFixtures.normal(rows, columns, name) * scale
    }
    let teacher = [matrix(48, 32, "teacher 1", 0.18), matrix(16, 48, "teacher 2", 0.14)]
    var weights = [matrix(48, 32, "student 1", 0.18), matrix(16, 48, "student 2", 0.14)]
    let (tokens, rate) = (64, Float(0.15))
    var losses: [Double] = []
    for step in 0..<steps {
      let x = matrix(tokens, 32, "x \(step)", 1)
      let hidden = x.matmulTransposed(teacher[0]).relu()
      let target = hidden.matmulTransposed(teacher[1]) + matrix(tokens, 16, "noise \(step)", 0.7)
      let tracked = weights.map { $0.tracked() }
      func layer(_ i: Int) -> LayerContext {
        RecipeFixtures.layer("layers.\(i)", block: 0, of: 1, step: step, steps: steps)
      }
      let y = recipe.product(recipe.product(x, tracked[0], layer: layer(0)).relu(), tracked[1], layer: layer(1))
      let error = y.detached() - target
      losses.append(error.sumOfSquares / Double(error.count))
      let gradients = y.gradients(of: tracked, seed: error * (2 / Float(tokens)))
      for i in weights.indices { weights[i] = weights[i] - gradients[i] * rate }
      recipe.state?.endOfStep(step)
    }
    let last = losses.suffix(20)
    return last.reduce(0, +) / Double(last.count)
  }

  @Test("NVFP4 5.12 after 200 steps the loss is within 5 % of bfloat16, also without RHT and stochastic rounding")
  func nvfp4() throws {
    let baseline = finalLoss(.bf16)
    // The teacher's noise, 0.49, is what no student can learn.
    #expect(baseline < 0.5 * finalLoss(.bf16, steps: 1) && baseline > 0.45)
    for name in ["nvfp4-no-kept", "nvfp4-no-kept-no-rht-no-sr", "nvfp4-no-kept-4over6", "quartet2", "adahop-lv2"] {
      let loss = finalLoss(try MatmulRecipes.named(name))
      #expect(abs(loss / baseline - 1) < 0.05, "\(name): \(loss) against \(baseline)")
    }
  }

  @Test("NVFP4 5.11 after the late switch a run is the bfloat16 run from the same weights")
  func kept() {
    // A toy of one block is all bfloat16 under the default rule: ⌈0.15 · 1⌉ = 1.
    #expect(finalLoss(NVFP4Recipe(), steps: 25) == finalLoss(.bf16, steps: 25))
  }
}
