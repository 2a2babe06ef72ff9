"""Tiny random Mamba models with the logits and gradients that Hugging Face transformers computes for them, on its path
without CUDA kernels.

    python3 models_mamba.py [OUT]        # OUT defaults to ../Golden/models

Each folder holds what those of models_llama.py and models_gradients.py hold. Needs torch, transformers and safetensors.
"""

import json
import pathlib
import shutil
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import MambaConfig, MambaForCausalLM

PROMPT = 24
GREEDY = 12
BASE = dict(
    vocab_size=64, hidden_size=32, state_size=8, num_hidden_layers=2, expand=2, conv_kernel=4, use_bias=False,
    use_conv_bias=True, time_step_rank="auto", bos_token_id=1, eos_token_id=2, pad_token_id=0,
)

# name: (differences from BASE, whether the folder is written as state-spaces/mamba writes its own)
MODELS = {
    "mamba": (dict(tie_word_embeddings=False), False),
    "mamba-tied": (dict(), False),
    "mamba-biases": (dict(use_bias=True, time_step_rank=5, num_hidden_layers=1), False),
    # No power of two anywhere, an odd rank, another number of taps, no bias on the convolution.
    "mamba-odd": (
        dict(hidden_size=36, state_size=5, expand=3, conv_kernel=3, use_conv_bias=False, tie_word_embeddings=False),
        False),
    "mamba-original": (dict(vocab_size=64), True),
}


def initialize(model, seed):
    """Weights of deviation 0.2, norms around 1, decays around those of a new model: every parameter matters."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        values = torch.randn(parameter.shape, generator=generator) * 0.2
        if "norm" in name or name.endswith(".D"):
            values = values + 1
        elif name.endswith("A_log"):
            values = values + torch.arange(1, parameter.shape[1] + 1).log()
        elif name.endswith("dt_proj.bias"):
            values = values - 2
        parameter.data = values


def greedy_continuation(model, tokens):
    """As in models_llama.py: None where a step is too close or says too little."""
    tokens = list(tokens)
    for _ in range(GREEDY):
        top = model(torch.tensor([tokens])).logits[0, -1].topk(2)
        tokens.append(int(top.indices[0]))
        if top.values[0] - top.values[1] < 1e-2 or tokens[-1] == BASE["eos_token_id"]:
            return None
    continuation = tokens[PROMPT:]
    return continuation if len(set(continuation)) >= 4 else None


def original_spelling(folder, config):
    """`config.json` and the embedding's name as in the first checkpoints; the vocabulary is stated before its padding."""
    (folder / "config.json").write_text(json.dumps({
        "d_model": config.hidden_size, "n_layer": config.num_hidden_layers, "vocab_size": config.vocab_size - 3,
        "ssm_cfg": {"d_state": config.state_size}, "rms_norm": True, "residual_in_fp32": True, "fused_add_norm": True,
        "pad_vocab_size_multiple": 8}, indent=2) + "\n")
    tensors = load_file(folder / "model.safetensors")
    tensors["backbone.embedding.weight"] = tensors.pop("backbone.embeddings.weight")
    tensors["lm_head.weight"] = tensors["backbone.embedding.weight"].clone()
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def gradients(folder, model, tokens):
    model = MambaForCausalLM(model.config).double().eval().requires_grad_(True)
    model.load_state_dict({name: value.double() for name, value in
                           transformers.AutoModelForCausalLM.from_pretrained(folder).state_dict().items()})
    with torch.enable_grad():
        tokens = torch.tensor(tokens)
        logits = model(tokens[None, :-1]).logits[0]
        loss = torch.nn.functional.cross_entropy(logits.double(), tokens[1:])
        loss.backward()
    found = {name: p.grad.float().contiguous() for name, p in model.named_parameters()}
    assert all(g.abs().max() > 0 for g in found.values())
    save_file({"loss": loss.detach().float(), **found}, folder / "gradients.safetensors")


def write(out, name, seed):
    differences, is_original = MODELS[name]
    config = MambaConfig(**{**BASE, **differences})
    model = MambaForCausalLM(config).float().eval()
    initialize(model, seed)
    model.tie_weights()
    generator = torch.Generator().manual_seed(seed + 1)
    tokens = torch.randint(3, config.vocab_size, (PROMPT,), generator=generator).tolist()
    greedy = greedy_continuation(model, tokens)
    if greedy is None:
        return write(out, name, seed + 1000)
    logits = model(torch.tensor([tokens])).logits[0].contiguous()

    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    again = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    assert torch.equal(again(torch.tensor([tokens])).logits[0], logits), name
    if name in ("mamba", "mamba-biases"):
        gradients(folder, model, tokens)
    if is_original:
        original_spelling(folder, config)
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
            write(out, name, 100 * (number + 50))


main()
