"""A randomly initialised float32 Llama checkpoint of any size, for memory and speed benchmarks.

    python3 random_llama.py OUT --hidden 1024 --layers 16 --intermediate 2816 --vocab 32000

The defaults give about 270 million parameters. Needs numpy only; weights are written one tensor at a time, so the script
itself stays small. The tokenizer is byte-level BPE with the 256 bytes and no merges: any text encodes, a byte a token.
"""

import argparse
import json
import pathlib
import struct

import numpy as np


def tensors(a):
    """Names and shapes in the order of the file."""
    head = a.hidden // a.heads
    yield "model.embed_tokens.weight", (a.vocab, a.hidden)
    for i in range(a.layers):
        layer = f"model.layers.{i}"
        yield f"{layer}.input_layernorm.weight", (a.hidden,)
        yield f"{layer}.self_attn.q_proj.weight", (a.hidden, a.hidden)
        yield f"{layer}.self_attn.k_proj.weight", (a.key_heads * head, a.hidden)
        yield f"{layer}.self_attn.v_proj.weight", (a.key_heads * head, a.hidden)
        yield f"{layer}.self_attn.o_proj.weight", (a.hidden, a.hidden)
        yield f"{layer}.post_attention_layernorm.weight", (a.hidden,)
        yield f"{layer}.mlp.gate_proj.weight", (a.intermediate, a.hidden)
        yield f"{layer}.mlp.up_proj.weight", (a.intermediate, a.hidden)
        yield f"{layer}.mlp.down_proj.weight", (a.hidden, a.intermediate)
    yield "model.norm.weight", (a.hidden,)
    yield "lm_head.weight", (a.vocab, a.hidden)


def write_safetensors(path, shapes, seed):
    header = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, shape in shapes:
        size = 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    random = np.random.default_rng(seed)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for name, shape in shapes:
            if len(shape) == 1:
                values = np.ones(shape, np.float32)
            else:
                values = random.standard_normal(shape, np.float32)
                values *= np.float32(0.02 if name.startswith("model.embed") else shape[1] ** -0.5)
            file.write(values.data)
    return offset // 4


def byte_characters():
    """The printable character of every byte, as in GPT-2's byte-level BPE."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {b: chr(b) for b in kept}
    for n, b in enumerate(b for b in range(256) if b not in table):
        table[b] = chr(256 + n)
    return [table[b] for b in range(256)]


def tokenizer():
    specials = ["<s>", "</s>"]
    vocabulary = {token: i for i, token in enumerate(specials + byte_characters())}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [
            {"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True} for i, token in enumerate(specials)],
        "normalizer": None, "pre_tokenizer": byte_level, "post_processor": None, "decoder": byte_level,
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "vocab": vocabulary,
            "merges": []},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=16)
    parser.add_argument("--intermediate", type=int, default=2816)
    parser.add_argument("--vocab", type=int, default=32000)
    parser.add_argument("--heads", type=int, default=16)
    parser.add_argument("--key-heads", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    a = parser.parse_args()
    if a.hidden % a.heads or a.heads % a.key_heads:
        parser.error("--heads must divide --hidden, and --key-heads must divide --heads.")
    if a.vocab < 258:
        parser.error("--vocab must be at least 258: the bytes and two special tokens.")

    a.out.mkdir(parents=True, exist_ok=True)
    parameters = write_safetensors(a.out / "model.safetensors", list(tensors(a)), a.seed)
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "hidden_size": a.hidden, "intermediate_size": a.intermediate, "num_hidden_layers": a.layers,
        "num_attention_heads": a.heads, "num_key_value_heads": a.key_heads, "vocab_size": a.vocab,
        "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "rope_scaling": None,
        "tie_word_embeddings": False, "attention_bias": False, "mlp_bias": False,
        "bos_token_id": 0, "eos_token_id": 1, "torch_dtype": "float32",
    }
    (a.out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (a.out / "tokenizer.json").write_text(json.dumps(tokenizer(), ensure_ascii=False) + "\n")
    print(f"{a.out}: {parameters / 1e6:.1f} million parameters")


main()
