/// The files of a trained byte-level BPE tokenizer, as Hugging Face folders hold them.
public struct TokenizerFiles: Sendable {
  /// Every token, in the order of its id.
  public let tokens: [String]
  /// The merges, first learnt first.
  public let merges: [(left: String, right: String)]

  init(tokens: [String], merges: [(String, String)]) {
    self.tokens = tokens
    self.merges = merges
  }

  /// The contents of `tokenizer.json`.
  public var tokenizerJSON: JSON {
    let special = [TokenizerTraining.beginToken, TokenizerTraining.endToken]
    let byteLevel: JSON = [
      "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true,
    ]
    return [
      "version": "1.0", "truncation": nil, "padding": nil,
      "added_tokens": .array(
        special.enumerated().map { id, token in
          [
            "id": .number(JSONNumber(id)), "content": .string(token), "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true,
          ]
        }),
      "normalizer": nil, "pre_tokenizer": byteLevel,
      "post_processor": [
        "type": "TemplateProcessing",
        "single": [
          ["SpecialToken": ["id": .string(special[0]), "type_id": 0]], ["Sequence": ["id": "A", "type_id": 0]],
        ],
        "pair": [
          ["SpecialToken": ["id": .string(special[0]), "type_id": 0]], ["Sequence": ["id": "A", "type_id": 0]],
          ["Sequence": ["id": "B", "type_id": 1]],
        ],
        "special_tokens": .object([
          special[0]: ["id": .string(special[0]), "ids": [0], "tokens": [.string(special[0])]]
        ]),
      ],
      "decoder": byteLevel,
      "model": [
        "type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil, "end_of_word_suffix": nil,
        "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
        "vocab": .object(JSONObject(tokens.enumerated().map { ($1, .number(JSONNumber($0))) })),
        "merges": .array(merges.map { [.string($0.left), .string($0.right)] }),
      ],
    ]
  }

  /// The contents of `tokenizer_config.json`.
  public var configurationJSON: JSON {
    [
      "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": .string(TokenizerTraining.beginToken),
      "eos_token": .string(TokenizerTraining.endToken), "clean_up_tokenization_spaces": false,
    ]
  }

  /// The contents of `special_tokens_map.json`.
  public var specialTokensJSON: JSON {
    ["bos_token": .string(TokenizerTraining.beginToken), "eos_token": .string(TokenizerTraining.endToken)]
  }

  /// Name and contents of each file.
  public var contents: [String: [UInt8]] {
    [
      "tokenizer.json": tokenizerJSON, "tokenizer_config.json": configurationJSON,
      "special_tokens_map.json": specialTokensJSON,
    ].mapValues { $0.serialized(pretty: true) + [UInt8(ascii: "\n")] }
  }
}
