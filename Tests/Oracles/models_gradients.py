"""Gradients of the mean next-token cross-entropy of some golden models, by torch's autograd.

    python3 models_gradients.py [OUT]        # OUT defaults to ../Golden/models

Reads the checkpoints and prompts that models_llama.py wrote. `gradients.safetensors` gets one tensor per parameter, computed
in float64 with eager attention and stored in float32, and `loss`, the mean over the prompt's tokens but the first. Needs
torch, transformers and safetensors.
"""

import json
import pathlib
import sys

import torch
import transformers
from safetensors.torch import save_file

# Plain with an output layer of its own; norms on q and k; biases, a window and a tied embedding.
MODELS = ["llama", "qwen3", "qwen2-window"]


def write(folder):
    tokens = torch.tensor(json.loads((folder / "expected.json").read_text())["tokens"])
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, attn_implementation="eager", dtype=torch.float64).eval()
    logits = model(tokens[None, :-1]).logits[0]
    loss = torch.nn.functional.cross_entropy(logits, tokens[1:])
    loss.backward()
    gradients = {name: p.grad.float().contiguous() for name, p in model.named_parameters()}
    assert all(g.abs().max() > 0 for g in gradients.values())
    save_file({"loss": loss.detach().float(), **gradients}, folder / "gradients.safetensors")
    print(f"{folder.name:16} loss {loss:.6f}, {len(gradients)} gradients")


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "Golden" / "models"
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    for name in MODELS:
        write(out / name)


main()
