"""Tiny random models of the Llama family with the logits that Hugging Face transformers computes for them.

    python3 models_llama.py [OUT]        # OUT defaults to ../Golden/models

Each folder holds a checkpoint (config.json, model.safetensors or shards), `expected.json` with the prompt and the greedy
continuation, and `expected.safetensors` with the logits [tokens, vocabulary] of the prompt in float32, eager attention.
Needs torch, transformers, safetensors and numpy; the weights depend on the seed and torch's CPU generator alone.
"""

import copy
import json
import pathlib
import shutil
import sys

import torch
import transformers
from safetensors.torch import save_file
from transformers import LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

PROMPT = 24
GREEDY = 12
BASE = dict(
    vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=True,
    bos_token_id=1, eos_token_id=2, pad_token_id=None,
)


def rope(kind, **values):
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10000.0, **values}}


# name: (config class, differences from BASE, how the folder is written)
MODELS = {
    "llama": (LlamaConfig, dict(num_hidden_layers=2, tie_word_embeddings=False), {}),
    "llama-tied": (LlamaConfig, dict(), {}),
    "llama-sharded": (LlamaConfig, dict(num_hidden_layers=2), {"shard": "24KB"}),
    "llama-biases": (LlamaConfig, dict(attention_bias=True, mlp_bias=True), {}),
    "llama-rope-llama3": (
        LlamaConfig,
        rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16),
        {"legacy": True}),
    "llama-rope-linear": (LlamaConfig, rope("linear", factor=4.0), {"legacy": True}),
    # The prompt is longer than the original length, so the base grows with it. A cache would keep keys of the older
    # bases, hence no greedy continuation.
    "llama-rope-dynamic": (
        LlamaConfig, dict(max_position_embeddings=16, **rope("dynamic", factor=2.0)), {"legacy": True, "greedy": False}),
    "llama-rope-yarn": (
        LlamaConfig, rope("yarn", factor=4.0, original_max_position_embeddings=16), {}),
    "llama-smollm": (
        LlamaConfig, dict(hidden_size=36, num_attention_heads=9, num_key_value_heads=3), {"legacy": True}),
    "mistral-window": (MistralConfig, dict(num_hidden_layers=2, sliding_window=6), {"legacy": True}),
    "qwen2": (Qwen2Config, dict(), {"legacy": True}),
    "qwen2-window": (
        Qwen2Config,
        dict(num_hidden_layers=2, use_sliding_window=True, sliding_window=6, max_window_layers=1), {"legacy": True}),
    "qwen3": (Qwen3Config, dict(head_dim=16, num_hidden_layers=1), {"legacy": True}),
}


def initialize(model, seed):
    """Weights of deviation 0.2 and norms around 1, so that logits are far from flat and every weight matters."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        values = torch.randn(parameter.shape, generator=generator) * 0.2
        parameter.data = values + 1 if "norm" in name else values


def legacy_config(path):
    """Writes `rope_theta` and `rope_scaling` for `rope_parameters`, and no `layer_types`, as published checkpoints do."""
    config = json.loads(path.read_text())
    parameters = config.pop("rope_parameters")
    config["rope_theta"] = parameters.pop("rope_theta")
    config["rope_scaling"] = None if parameters["rope_type"] == "default" else parameters
    config["torch_dtype"] = config.pop("dtype")
    config.pop("layer_types", None)
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def greedy_continuation(model, tokens):
    """The most likely continuation, or None where a step is so close that rounding could change it, where the end token
    comes up, or where the continuation says too little."""
    tokens = list(tokens)
    for _ in range(GREEDY):
        top = model(torch.tensor([tokens])).logits[0, -1].topk(2)
        tokens.append(int(top.indices[0]))
        if top.values[0] - top.values[1] < 1e-2 or tokens[-1] == BASE["eos_token_id"]:
            return None
    continuation = tokens[PROMPT:]
    return continuation if len(set(continuation)) >= 4 else None


def check_that_it_matters(config, model, tokens, logits):
    """Without its rope scaling or its window the same weights must give other logits, or the model tests nothing."""
    plain = copy.deepcopy(config)
    plain.rope_parameters = {"rope_type": "default", "rope_theta": 10000.0}
    if hasattr(plain, "sliding_window"):
        plain.sliding_window = None
    if hasattr(plain, "layer_types"):
        plain.layer_types = ["full_attention"] * plain.num_hidden_layers
    changed = plain.to_dict() != config.to_dict()
    other = transformers.AutoModelForCausalLM.from_config(plain, dtype=torch.float32).eval()
    other.load_state_dict(model.state_dict())
    difference = (other(torch.tensor([tokens])).logits[0] - logits).abs().max()
    assert changed == bool(difference > 0.05), (changed, difference)


def write(out, name, seed):
    kind, differences, how = MODELS[name]
    config = kind(**{**BASE, **differences})
    config._attn_implementation = "eager"
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    initialize(model, seed)
    model.tie_weights()
    generator = torch.Generator().manual_seed(seed + 1)
    tokens = torch.randint(3, config.vocab_size, (PROMPT,), generator=generator).tolist()
    greedy = greedy_continuation(model, tokens) if how.get("greedy", True) else []
    if greedy is None:
        return write(out, name, seed + 1000)
    logits = model(torch.tensor([tokens])).logits[0].contiguous()
    check_that_it_matters(config, model, tokens, logits)

    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, safe_serialization=True, max_shard_size=how.get("shard", "1GB"))
    (folder / "generation_config.json").unlink(missing_ok=True)
    if how.get("legacy"):
        legacy_config(folder / "config.json")
    again = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
    assert torch.equal(again(torch.tensor([tokens])).logits[0], logits), name
    save_file({"logits": logits}, folder / "expected.safetensors")
    (folder / "expected.json").write_text(json.dumps({
        "tokens": tokens, "greedy": greedy, "seed": seed,
        "transformers": transformers.__version__}) + "\n")
    size = sum(f.stat().st_size for f in folder.iterdir())
    print(f"{name:20} {size:7} bytes, logits {logits.min():.3f} to {logits.max():.3f}, greedy {greedy}")


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "Golden" / "models"
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    with torch.no_grad():
        for number, name in enumerate(MODELS):
            write(out, name, 100 * (number + 1))


main()
