"""Reads a safetensors file with the safetensors library and prints a line per tensor: name, dtype, shape, FNV-1a.

    pip install torch safetensors==0.8.0
    python safetensors_read.py FILE
"""

import sys

from safetensors.torch import load_file
import torch


def fnv1a(data: bytes) -> str:
    h = 0xCBF29CE484222325
    for byte in data:
        h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{h:016x}"


if __name__ == "__main__":
    for name, tensor in sorted(load_file(sys.argv[1]).items()):
        raw = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        print(repr(name), tensor.dtype, list(tensor.shape), fnv1a(raw))
