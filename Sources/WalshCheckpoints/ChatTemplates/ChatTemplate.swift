import Foundation

/// A model's chat template: turns a conversation into the text the model was trained on.
///
/// Templates are written in Jinja. This is the part of Jinja that the templates of language models use,
/// with the white-space rules that transformers sets (`trim_blocks`, `lstrip_blocks`), its filter `tojson`
/// and its functions `raise_exception` and `strftime_now`.
public struct ChatTemplate: Sendable {
  /// The template as it was written.
  public let source: String

  private let statements: [TemplateStatement]

  /// The parsed template.
  ///
  /// - Throws: ``ChatTemplateError`` with the line of the first mistake.
  public init(source: String) throws(ChatTemplateError) {
    self.source = source
    statements = try TemplateParser.statements(of: source)
  }

  /// The text of a conversation.
  ///
  /// - Parameters:
  ///   - messages: Objects with the members `role` and `content`, and what else the template knows.
  ///   - tools: The tools the model may call, an array of JSON schemas; `none` in the template when nil.
  ///   - addGenerationPrompt: Whether the text ends where the model's answer begins.
  ///   - bosToken: The text of the token that begins texts; undefined in the template when nil.
  ///   - eosToken: The text of the token that ends texts; undefined in the template when nil.
  ///   - extra: Further names for the template, such as `enable_thinking`; they replace others.
  ///   - now: The moment that `strftime_now` tells.
  /// - Throws: ``ChatTemplateError`` when the template refuses the conversation, is wrong, or does not end
  ///   within five million steps.
  public func render(
    messages: [JSON], tools: JSON? = nil, addGenerationPrompt: Bool, bosToken: String? = nil,
    eosToken: String? = nil, extra: JSONObject = [:], now: Date = Date()
  ) throws(ChatTemplateError) -> String {
    var globals: [String: TemplateValue] = [
      "messages": TemplateValue(.array(messages)), "tools": tools.map { TemplateValue($0) } ?? .none,
      "documents": .none, "add_generation_prompt": .boolean(addGenerationPrompt),
    ]
    if let bosToken { globals["bos_token"] = .string(bosToken) }
    if let eosToken { globals["eos_token"] = .string(eosToken) }
    for (name, value) in extra { globals[name] = TemplateValue(value) }
    return try TemplateInterpreter(globals: globals, now: now).render(statements)
  }

  /// The template of a model's folder: chat_template.jinja when there is one, else the member
  /// `chat_template` of tokenizer_config.json, a string or a list of `{"name", "template"}`.
  ///
  /// - Parameters:
  ///   - jinja: The text of chat_template.jinja.
  ///   - configuration: The parsed tokenizer_config.json.
  ///   - name: The template to take of several.
  /// - Returns: nil when neither has a template.
  /// - Throws: ``ChatTemplateError`` when the template is wrong or `name` is not among several.
  public static func load(
    jinja: String?, configuration: JSON?, name: String = "default"
  ) throws(ChatTemplateError) -> ChatTemplate? {
    if let jinja { return try ChatTemplate(source: jinja) }
    switch configuration?["chat_template"] {
    case nil, .null: return nil
    case .string(let source): return try ChatTemplate(source: source)
    case .array(let entries):
      for entry in entries where entry["name"]?.stringValue == name {
        if let source = entry["template"]?.stringValue { return try ChatTemplate(source: source) }
      }
      let names = entries.compactMap { $0["name"]?.stringValue }.joined(separator: ", ")
      throw ChatTemplateError(line: 0, cause: "none is named '\(name)' among: \(names)")
    case let other?:
      throw ChatTemplateError(line: 0, cause: "chat_template is \(other.kind) and must be a string or an array")
    }
  }

  /// The template of the model in `folder`; see ``load(jinja:configuration:name:)``.
  ///
  /// - Throws: ``ChatTemplateError``, ``JSONError``, or what reading a file throws.
  public static func load(folder: URL, name: String = "default") throws -> ChatTemplate? {
    func contents(_ file: String) throws -> Data? {
      let url = folder.appending(path: file)
      return FileManager.default.fileExists(atPath: url.path) ? try Data(contentsOf: url) : nil
    }
    let jinja = try contents("chat_template.jinja").map { String(decoding: $0, as: UTF8.self) }
    let configuration = try contents("tokenizer_config.json").map { try JSON(parsing: Array($0)) }
    return try load(jinja: jinja, configuration: configuration, name: name)
  }
}
