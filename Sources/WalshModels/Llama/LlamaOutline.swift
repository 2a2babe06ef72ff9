import WalshCheckpoints

extension ModelOutline {
  /// The groups of a Llama-style decoder: Llama, Mistral, Qwen2, Qwen3, SmolLM.
  public init(_ c: LlamaConfiguration) {
    let blocks = (0..<c.layerCount).map { layer in
      let prefix = "model.layers.\(layer)."
      let value = prefix + "self_attn.v_proj"
      let output = prefix + "self_attn.o_proj"
      let up = prefix + "mlp.up_proj"
      let down = prefix + "mlp.down_proj"
      func group(_ role: String, _ layers: [String], _ width: Int, _ source: LinearGroup.Source) -> LinearGroup {
        LinearGroup(id: "layers.\(layer).\(role)", role: role, layers: layers, width: width, source: source)
      }
      return Block(
        prefix: prefix,
        groups: [
          group(
            "attention.input", [prefix + "self_attn.q_proj", prefix + "self_attn.k_proj", value], c.hiddenSize,
            .norm(weight: prefix + "input_layernorm.weight")),
          group(
            "attention.output", [output], c.headCount * c.headSize,
            .valueHeads(
              producer: value, heads: c.headCount, keyHeads: c.keyValueHeadCount, headSize: c.headSize)),
          group(
            "mlp.input", [prefix + "mlp.gate_proj", up], c.hiddenSize,
            .norm(weight: prefix + "post_attention_layernorm.weight")),
          group("mlp.output", [down], c.intermediateSize, .gatedProduct(producer: up)),
        ],
        residualWriters: [output, down],
        attention: AttentionSite(
          path: prefix + "self_attn", headSize: c.headSize, heads: c.headCount,
          keyHeads: c.keyValueHeadCount))
    }
    self.init(
      hiddenSize: c.hiddenSize, embedding: "model.embed_tokens.weight", blocks: blocks,
      head: LinearGroup(
        id: "head", role: "head", layers: ["lm_head"], width: c.hiddenSize, source: .norm(weight: "model.norm.weight")
      ),
      headIsTied: c.tiesEmbeddings)
  }
}
