import WalshCheckpoints

extension Architecture {
  /// The name and shape of every tensor that the model has in full precision.
  public var parameters: [(name: String, shape: [Int])] {
    switch self {
    case .llama(let c): c.parameters
    case .mamba(let c): c.parameters
    }
  }

  /// Checks that a full precision checkpoint has every tensor of the model, in its shape and in a floating-point type.
  ///
  /// - Throws: `CheckpointError` naming the first tensor that is missing or different.
  public func checkParameters(of checkpoint: Checkpoint) throws(CheckpointError) {
    for (name, shape) in parameters {
      let stored = try checkpoint.tensor(name)
      guard stored.shape == shape else {
        throw CheckpointError(
          checkpoint.folder,
          "the tensor \(name) has the shape \(stored.shape), but config.json makes it \(shape).")
      }
      guard stored.dtype.isFloatingPoint else {
        throw CheckpointError(
          checkpoint.folder, "the tensor \(name) holds \(stored.dtype.rawValue); a full precision weight is needed.")
      }
    }
  }
}

extension LlamaConfiguration {
  /// The name and shape of every tensor.
  var parameters: [(name: String, shape: [Int])] {
    let attention = headCount * headSize
    let keys = keyValueHeadCount * headSize
    var all: [(String, [Int])] = [("model.embed_tokens.weight", [vocabularySize, hiddenSize])]
    func add(_ path: String, _ outputs: Int, _ inputs: Int, bias: Bool) {
      all.append((path + ".weight", [outputs, inputs]))
      if bias { all.append((path + ".bias", [outputs])) }
    }
    for layer in 0..<layerCount {
      let prefix = "model.layers.\(layer)."
      all.append((prefix + "input_layernorm.weight", [hiddenSize]))
      add(prefix + "self_attn.q_proj", attention, hiddenSize, bias: hasQueryKeyValueBias)
      add(prefix + "self_attn.k_proj", keys, hiddenSize, bias: hasQueryKeyValueBias)
      add(prefix + "self_attn.v_proj", keys, hiddenSize, bias: hasQueryKeyValueBias)
      add(prefix + "self_attn.o_proj", hiddenSize, attention, bias: hasAttentionOutputBias)
      if hasQueryKeyNorm {
        all.append((prefix + "self_attn.q_norm.weight", [headSize]))
        all.append((prefix + "self_attn.k_norm.weight", [headSize]))
      }
      all.append((prefix + "post_attention_layernorm.weight", [hiddenSize]))
      add(prefix + "mlp.gate_proj", intermediateSize, hiddenSize, bias: hasMLPBias)
      add(prefix + "mlp.up_proj", intermediateSize, hiddenSize, bias: hasMLPBias)
      add(prefix + "mlp.down_proj", hiddenSize, intermediateSize, bias: hasMLPBias)
    }
    all.append(("model.norm.weight", [hiddenSize]))
    if !tiesEmbeddings { all.append(("lm_head.weight", [vocabularySize, hiddenSize])) }
    return all
  }
}
