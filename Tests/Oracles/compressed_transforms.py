"""Writes Tests/Golden/checkpoints/transforms with the compressed-tensors library: how online transforms are stored.

One linear layer `layer` of 24 inputs (32 for the power-of-two type) per kind of transform; `model.safetensors` holds
what the library stores for it, the inputs `<kind>.x` and the transformed inputs `<kind>.y`, and `config.json` the
`transform_config`.

    pip install torch transformers==5.24.0 compressed-tensors==0.20.0
    python compressed_transforms.py ../Golden/checkpoints/transforms
"""

import json
import sys
from pathlib import Path

import torch
from compressed_tensors.transform import TransformArgs, TransformConfig, TransformFactory, TransformScheme
from safetensors.torch import save_file

CASES = {
    "hadamard": dict(type="hadamard", head_dim=16),
    "random-hadamard": dict(type="random-hadamard", head_dim=12),
    "random-hadamard-full": dict(type="random-hadamard"),
    "random-hadamard-perm": dict(type="random-hadamard", head_dim=12, randomize=True),
    "random-matrix": dict(type="random-matrix", head_dim=8),
}

if __name__ == "__main__":
    root = Path(sys.argv[1])
    root.mkdir(parents=True, exist_ok=True)
    tensors, groups = {}, {}
    for number, (name, arguments) in enumerate(CASES.items()):
        for inverse in (False, True):
            torch.manual_seed(number)
            key = name + ("-inverse" if inverse else "")
            args = TransformArgs(targets=["layer"], location="input", inverse=inverse)
            scheme = TransformScheme(apply=[args], **arguments)
            layer = torch.nn.Linear(32 if name == "hadamard" else 24, 4, bias=False)
            factory = TransformFactory.from_scheme(scheme, name=key, seed=number)
            transform = factory.create_transform(layer, args)
            x = torch.randn(2, layer.in_features)
            with torch.no_grad():
                y = transform(x)
            tensors[f"{key}.x"], tensors[f"{key}.y"] = x, y
            for part, value in transform.state_dict().items():
                tensors[f"layer.{key}_input.{part}"] = value.clone()
            groups[key] = scheme
    config = TransformConfig(config_groups=groups)
    save_file(tensors, root / "model.safetensors", {"format": "pt"})
    (root / "config.json").write_text(json.dumps(config.model_dump(mode="json"), indent=1) + "\n")
