#!/usr/bin/env python3
"""Writes a Llama of random four-bit weights twice: as a compressed-tensors folder and as a GGUF file.

    model_files.py {mxfp4|nvfp4} FOLDER FILE.gguf [--layers 22] [--width 2048] ...

Both hold the same codes and scales, so both stand for the same numbers. The bytes are those of section 5 of
the interoperability notes: GGUF v3, type 39 (MXFP4, 32 weights in 17 bytes) or 40 (NVFP4, 64 in 36 bytes), the rows of
q and k in the order of interleaved rotary embedding.
"""
import argparse
import json
import pathlib
import struct

import numpy as np

F32, F16, MXFP4, NVFP4 = 0, 1, 39, 40
UINT32, FLOAT32, STRING = 4, 6, 8
# A NVFP4 block scale s stands for s / GLOBAL.
GLOBAL = 2.0**14


class PackedLinear:
    """A weight of [rows, columns] in E2M1: codes in sequential pairs, and a scale for each group."""

    def __init__(self, random, form, rows, columns):
        self.form, self.rows, self.columns = form, rows, columns
        self.codes = random.integers(0, 256, (rows, columns // 2), dtype=np.uint8)
        # Uniform codes have the root mean square 2.93; the scales bring rows to about 1 / sqrt(columns).
        exponent = round(np.log2(1 / (2.93 * np.sqrt(columns))))
        if form == "mxfp4":
            self.scales = (127 + exponent + random.integers(-1, 1, (rows, columns // 32))).astype(np.uint8)
        else:
            # E4M3 bytes of [2^(exponent + 13), 2^(exponent + 14)).
            bias = 7 + exponent + 13
            self.scales = (bias * 8 + random.integers(0, 8, (rows, columns // 16))).astype(np.uint8)

    def tensors(self, path):
        dtype = "U8" if self.form == "mxfp4" else "F8_E4M3"
        yield path + ".weight_packed", "U8", self.codes
        yield path + ".weight_scale", dtype, self.scales
        if self.form == "nvfp4":
            yield path + ".weight_global_scale", "F32", np.array([GLOBAL], np.float32)

    def blocks(self, heads=None):
        """The bytes of GGUF; `heads`: the rows of each are put in the order of interleaved rotary embedding."""
        nibbles = np.empty((self.rows, self.columns), np.uint8)
        nibbles[:, 0::2] = self.codes & 15
        nibbles[:, 1::2] = self.codes >> 4
        scales = self.scales
        if heads:
            order = np.arange(self.rows).reshape(heads, 2, -1).swapaxes(1, 2).reshape(-1)
            nibbles, scales = nibbles[order], scales[order]
        half = 16 if self.form == "mxfp4" else 8
        pairs = nibbles.reshape(self.rows, -1, 2, half)
        pairs = pairs[:, :, 0] | pairs[:, :, 1] << 4
        count = 1 if self.form == "mxfp4" else 4
        blocks = scales.size // count
        return np.concatenate([scales.reshape(blocks, count), pairs.reshape(blocks, -1)], axis=1)


def bfloat16(x):
    return (x.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)


def write_safetensors(path, tensors):
    header, offset = {}, 0
    for name, dtype, data in tensors:
        header[name] = {"dtype": dtype, "shape": list(data.shape), "data_offsets": [offset, offset + data.nbytes]}
        offset += data.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, data in tensors:
            file.write(data.tobytes())


def text(string):
    return struct.pack("<Q", len(string)) + string.encode()


def write_gguf(path, values, tensors):
    """`tensors`: name, type, extents (fastest first), bytes."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values))
    for key, kind, value in values:
        head += text(key) + struct.pack("<I", kind)
        head += text(value) if kind == STRING else struct.pack("<f" if kind == FLOAT32 else "<I", value)
    offset = 0
    for name, kind, extents, data in tensors:
        head += text(name) + struct.pack("<I", len(extents)) + struct.pack(f"<{len(extents)}Q", *extents)
        head += struct.pack("<IQ", kind, offset)
        offset += data.nbytes + -data.nbytes % 32
    with open(path, "wb") as file:
        file.write(head + b"\0" * (-len(head) % 32))
        for _, _, _, data in tensors:
            file.write(data.tobytes() + b"\0" * (-data.nbytes % 32))


def hadamard(n):
    matrix = np.ones((1, 1), np.float32)
    while len(matrix) < n:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix


def rotation(n):
    """An online Hadamard transform of blocks of n in front of every down_proj."""
    target = {"targets": ["re:.*down_proj$"], "ignore": []}
    return {"config_groups": {"R4": {
        "type": "hadamard", "head_dim": n, "randomize": False, "requires_grad": False, "precision": "torch.float32",
        "apply": [target | {"location": "input", "inverse": False},
                  target | {"location": "weight_input", "inverse": True}]}}}


def quantization(form):
    weights = {"num_bits": 4, "type": "float", "strategy": "group", "group_size": 32, "symmetric": True,
               "dynamic": False, "scale_dtype": "torch.uint8"}
    if form == "nvfp4":
        weights |= {"strategy": "tensor_group", "group_size": 16, "scale_dtype": "torch.float8_e4m3fn"}
    name = form + "-pack-quantized"
    group = {"targets": ["Linear"], "format": name, "weights": weights, "input_activations": None,
             "output_activations": None}
    return {"quant_method": "compressed-tensors", "format": name, "quantization_status": "compressed", "ignore": [],
            "config_groups": {"group_0": group}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("format", choices=["mxfp4", "nvfp4"])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("gguf", type=pathlib.Path)
    parser.add_argument("--layers", type=int, default=22)
    parser.add_argument("--width", type=int, default=2048)
    parser.add_argument("--heads", type=int, default=32)
    parser.add_argument("--key-heads", type=int, default=4)
    parser.add_argument("--intermediate", type=int, default=5632)
    parser.add_argument("--vocabulary", type=int, default=32000)
    parser.add_argument("--context", type=int, default=2048)
    parser.add_argument("--rotation", type=int, help="an online Hadamard transform of this size, in the folder only")
    a = parser.parse_args()
    random = np.random.default_rng(1)
    head_size = a.width // a.heads
    key_width = a.key_heads * head_size
    kind = MXFP4 if a.format == "mxfp4" else NVFP4

    embedding = random.standard_normal((a.vocabulary, a.width), np.float32)
    embedding = (bfloat16(embedding).astype(np.uint32) << 16).view(np.float32)
    ones = np.ones(a.width, np.float32)
    folder = [("model.embed_tokens.weight", "BF16", bfloat16(embedding)), ("model.norm.weight", "F32", ones)]
    gguf = [("token_embd.weight", F16, (a.width, a.vocabulary), embedding.astype(np.float16)),
            ("output_norm.weight", F32, (a.width,), ones)]

    def add(path, name, rows, columns, heads=None):
        w = PackedLinear(random, a.format, rows, columns)
        folder.extend(w.tensors(path))
        gguf.append((name + ".weight", kind, (columns, rows), w.blocks(heads)))
        if a.format == "nvfp4":
            gguf.append((name + ".scale", F32, (1,), np.array([1 / GLOBAL], np.float32)))

    for i in range(a.layers):
        path, name = f"model.layers.{i}.", f"blk.{i}."
        for norm, other in [("input_layernorm", "attn_norm"), ("post_attention_layernorm", "ffn_norm")]:
            folder.append((path + norm + ".weight", "F32", ones))
            gguf.append((name + other + ".weight", F32, (a.width,), ones))
        add(path + "self_attn.q_proj", name + "attn_q", a.width, a.width, a.heads)
        add(path + "self_attn.k_proj", name + "attn_k", key_width, a.width, a.key_heads)
        add(path + "self_attn.v_proj", name + "attn_v", key_width, a.width)
        add(path + "self_attn.o_proj", name + "attn_output", a.width, a.width)
        add(path + "mlp.gate_proj", name + "ffn_gate", a.intermediate, a.width)
        add(path + "mlp.up_proj", name + "ffn_up", a.intermediate, a.width)
        add(path + "mlp.down_proj", name + "ffn_down", a.width, a.intermediate)
        if a.rotation:
            folder.append((path + "mlp.down_proj.R4_input.weight", "F32", hadamard(a.rotation)))
    add("lm_head", "output", a.vocabulary, a.width)

    scheme = quantization(a.format)
    if a.rotation:
        scheme["transform_config"] = rotation(a.rotation)
    a.folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(a.folder / "model.safetensors", folder)
    (a.folder / "config.json").write_text(json.dumps({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": a.width,
        "intermediate_size": a.intermediate, "num_hidden_layers": a.layers, "num_attention_heads": a.heads,
        "num_key_value_heads": a.key_heads, "head_dim": head_size, "vocab_size": a.vocabulary, "hidden_act": "silu",
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": a.context,
        "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "bfloat16",
        "quantization_config": scheme}, indent=1))
    write_gguf(a.gguf, [
        ("general.architecture", STRING, "llama"), ("general.name", STRING, f"random {a.format}"),
        ("general.file_type", UINT32, 38 if a.format == "mxfp4" else 39),
        ("general.quantization_version", UINT32, 2),
        ("llama.context_length", UINT32, a.context), ("llama.embedding_length", UINT32, a.width),
        ("llama.block_count", UINT32, a.layers), ("llama.feed_forward_length", UINT32, a.intermediate),
        ("llama.attention.head_count", UINT32, a.heads), ("llama.attention.head_count_kv", UINT32, a.key_heads),
        ("llama.attention.layer_norm_rms_epsilon", FLOAT32, 1e-5),
        ("llama.rope.dimension_count", UINT32, head_size), ("llama.rope.freq_base", FLOAT32, 10000.0),
        ("llama.vocab_size", UINT32, a.vocabulary), ("tokenizer.ggml.model", STRING, "none"),
    ], gguf)


main()
