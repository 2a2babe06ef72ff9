import Foundation
import TestSupport
import Testing

/// The texts that the READMEs of the small models quote, greedy, through the command line.
@Suite(
  "Stories",
  .enabled(if: Executable.walsh != nil && TestFiles.shared("babyllama") != nil, "The shared models are not here."))
struct StoryTests {
  private func generate(_ model: String, _ arguments: String...) throws -> String {
    let walsh = try #require(Executable.walsh)
    let folder = try #require(TestFiles.shared(model))
    let result = try walsh.run(["generate", folder.path] + arguments + ["--temperature", "0", "--seed", "0"])
    #expect(result.status == 0, "\(result.errors)")
    return result.output
  }

  @Test("babyllama continues a prompt as transformers does")
  func babyllama() throws {
    let story = try generate("babyllama/tok361/hf", "--prompt", "Once upon a time", "--tokens", "200")
    #expect(
      story.hasPrefix(
        """
        Once upon a time, there was a little girl named Lily. She loved to play outside in the sunshine. One day, she \
        went to the park with her mommy and daddy. They saw a big tree with a big smile on the ground. Lily was so
        """))
  }

  @Test("stories260k begins its story as llama2.c does")
  func stories260k() throws {
    let story = try generate("stories260k/hf", "--tokens", "130")
    #expect(
      story.hasPrefix(
        """
        Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw \
        a big, red ball. She wanted to play with it, but it was too high.
        Lily's mom said, "Lily, let's go to the park." Lily was sad
        """))
  }
}
