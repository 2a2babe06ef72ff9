/// The ids put before and after the ids of a text.
struct Postprocessor: Sendable {
  var prefix: [Int] = []
  var suffix: [Int] = []

  func apply(to ids: [Int]) -> [Int] { prefix + ids + suffix }
}

extension TokenizerField {
  /// The post-processor this field describes, for single texts.
  func postprocessor() throws(TokenizerError) -> Postprocessor {
    switch try componentType() {
    case "ByteLevel": return Postprocessor()
    case "BertProcessing", "RobertaProcessing":
      return Postprocessor(prefix: [try required("cls").tokenPair()], suffix: [try required("sep").tokenPair()])
    case "TemplateProcessing": return try template()
    case "Sequence":
      var result = Postprocessor()
      for part in try required("processors").elements() {
        let outer = try part.postprocessor()
        result = Postprocessor(prefix: outer.prefix + result.prefix, suffix: result.suffix + outer.suffix)
      }
      return result
    case let type: throw unknownComponent(type)
    }
  }

  /// The id of `["</s>", 2]`.
  private func tokenPair() throws(TokenizerError) -> Int {
    let parts = try elements()
    guard parts.count == 2 else { throw error("must be a token and its id") }
    return try parts[1].count()
  }

  private func template() throws(TokenizerError) -> Postprocessor {
    var result = Postprocessor()
    var seesText = false
    for item in try required("single").elements() {
      if let special = item["SpecialToken"] {
        let ids = try specialIDs(try special.required("id"))
        if seesText { result.suffix += ids } else { result.prefix += ids }
      } else if let sequence = item["Sequence"] {
        let name = try sequence.required("id")
        guard try name.string() == "A", !seesText else { throw name.error("must name the text A once") }
        seesText = true
      } else {
        throw item.error("must have the member SpecialToken or Sequence")
      }
    }
    guard seesText else { throw try required("single").error("does not contain the text A") }
    return result
  }

  private func specialIDs(_ name: TokenizerField) throws(TokenizerError) -> [Int] {
    let key = try name.string()
    guard let token = self["special_tokens"]?[key] else {
      throw name.error("is \"\(key)\", which special_tokens lacks")
    }
    var ids: [Int] = []
    for id in try token.required("ids").elements() { ids.append(try id.count()) }
    return ids
  }
}
