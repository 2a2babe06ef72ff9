"""Writes the golden checkpoints of Tests/Golden/checkpoints with the compressed-tensors library.

A tiny Llama (1 layer, hidden 64, MLP 96) with known weights is quantized by the library's own calibration rules
and saved by its own compressor; `decoded.json` holds, per folder and layer, the FNV-1a checksum of the weight that
the library decompresses to.

    pip install torch transformers==5.24.0 compressed-tensors==0.20.0
    python compressed_write.py ../Golden/checkpoints
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from compressed_tensors.compressors import BaseCompressor, ModelCompressor
from compressed_tensors.quantization import (
    QuantizationArgs,
    QuantizationConfig,
    QuantizationScheme,
    apply_quantization_config,
)
from compressed_tensors.quantization.utils import calculate_qparams, generate_gparam
from transformers import LlamaConfig, LlamaForCausalLM

GROUP_ARGUMENTS = {
    "nvfp4": dict(num_bits=4, type="float", strategy="tensor_group", group_size=16,
                  scale_dtype=torch.float8_e4m3fn, zp_dtype=torch.float8_e4m3fn),
    "mxfp4": dict(num_bits=4, type="float", strategy="group", group_size=32,
                  scale_dtype=torch.uint8, zp_dtype=torch.uint8),
    "w4a16": dict(num_bits=4, type="int", strategy="group", group_size=32),
    "w3a16": dict(num_bits=3, type="int", strategy="channel"),
    "w8a8": dict(num_bits=8, type="int", strategy="channel"),
}
INPUTS = {
    "nvfp4": dict(num_bits=4, type="float", strategy="tensor_group", group_size=16, dynamic="local",
                  scale_dtype=torch.float8_e4m3fn, zp_dtype=torch.float8_e4m3fn),
    "w8a8": dict(num_bits=8, type="int", strategy="token", dynamic=True),
}
FORMATS = {"nvfp4": "nvfp4-pack-quantized", "mxfp4": "mxfp4-pack-quantized", "w4a16": "pack-quantized",
           "w3a16": "pack-quantized", "w8a8": "int-quantized"}


def fnv1a(data: bytes) -> str:
    h = 0xCBF29CE484222325
    for byte in data:
        h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{h:016x}"


def model() -> LlamaForCausalLM:
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=32, hidden_size=64, intermediate_size=96, num_hidden_layers=1, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=True, dtype="bfloat16")
    return LlamaForCausalLM(config).to(torch.bfloat16).eval()


def calibrate(module, inputs):
    scheme = module.quantization_scheme
    weight = module.weight.detach()
    args = scheme.weights
    groups = weight.unflatten(-1, (-1, args.group_size or weight.shape[-1]))
    low, high = torch.amin(groups, -1), torch.amax(groups, -1)
    divisor = None
    if args.strategy == "tensor_group":
        divisor = generate_gparam(weight.min().reshape(1), weight.max().reshape(1))
        module.weight_global_scale.data = divisor
        if scheme.input_activations is not None:
            module.input_global_scale.data = generate_gparam(inputs.min().reshape(1), inputs.max().reshape(1))
    scale, _ = calculate_qparams(low, high, args, global_scale=divisor)
    module.weight_scale.data = scale.to(module.weight_scale.dtype)


def write(name: str, root: Path) -> dict:
    network = model()
    seen = {}
    hooks = [
        module.register_forward_pre_hook(lambda m, x, path=path: seen.__setitem__(path, x[0].detach()))
        for path, module in network.named_modules() if isinstance(module, torch.nn.Linear)
    ]
    network(torch.arange(32)[None])
    for hook in hooks:
        hook.remove()
    inputs = QuantizationArgs(**INPUTS[name]) if name in INPUTS else None
    scheme = QuantizationScheme(targets=["Linear"], weights=QuantizationArgs(**GROUP_ARGUMENTS[name]),
                                input_activations=inputs, format=FORMATS[name])
    config = QuantizationConfig(config_groups={"group_0": scheme}, ignore=["lm_head"], format=FORMATS[name])
    apply_quantization_config(network, config)
    for path, module in network.named_modules():
        if isinstance(module, torch.nn.Linear) and hasattr(module, "quantization_scheme"):
            calibrate(module, seen[path])
    compressor = ModelCompressor.from_pretrained_model(network, FORMATS[name])
    compressor.compress_model(network)
    folder = root / name
    shutil.rmtree(folder, ignore_errors=True)
    network.save_pretrained(folder)
    compressor.update_config(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)

    decoded = {}
    for path, module in network.named_modules():
        if not hasattr(module, "quantization_scheme"):
            continue
        state = {key: value.detach() for key, value in module.state_dict().items()}
        if name.startswith("w"):
            # The library multiplies in the dtype of the scale: in Float32 the product is the exact one.
            state["weight_scale"] = state["weight_scale"].float()
        weight = BaseCompressor.get_value_from_registry(FORMATS[name]).decompress(state, module.quantization_scheme)
        weight = weight["weight"].float().contiguous()
        decoded[path] = {"shape": list(weight.shape), "fnv1a": fnv1a(weight.numpy().tobytes())}
    return decoded


if __name__ == "__main__":
    root = Path(sys.argv[1])
    decoded = {name: write(name, root) for name in FORMATS}
    model().save_pretrained(root / "source")
    (root / "source" / "generation_config.json").unlink(missing_ok=True)
    (root / "decoded.json").write_text(json.dumps(decoded, indent=1) + "\n")
