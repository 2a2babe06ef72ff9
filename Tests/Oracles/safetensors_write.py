"""Writes the golden safetensors files of Tests/Golden/checkpoints with the safetensors library.

    pip install torch safetensors==0.8.0
    python safetensors_write.py ../Golden/checkpoints

`dtypes.safetensors` holds one tensor of every dtype that Walsh reads, with element bytes 0, 1, 2, ... (modulo 2 for
BOOL, modulo 64 for floats, so that every value is finite); `shapes.safetensors` an empty tensor, a scalar and names
that need escapes; `floats.safetensors` the halves at the edges of their range with their Float32 values.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

DTYPES = {
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "F8_E5M2": torch.float8_e5m2,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E8M0": torch.float8_e8m0fnu, "I16": torch.int16, "U16": torch.uint16,
    "F16": torch.float16, "BF16": torch.bfloat16, "I32": torch.int32, "U32": torch.uint32, "F32": torch.float32,
    "F64": torch.float64, "I64": torch.int64,
}


def every_dtype():
    tensors = {}
    for position, (name, dtype) in enumerate(DTYPES.items()):
        size = torch.empty(0, dtype=dtype).element_size()
        data = torch.arange(6 * size, dtype=torch.uint8) % (2 if name == "BOOL" else 64)
        # Names run against the order of the types, so that sorting by name alone would be noticed.
        tensors[f"{chr(ord('z') - position)}.{name}"] = data.view(dtype).reshape(2, 3)
    return tensors


def halves():
    patterns = torch.tensor(
        [0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x3C00, 0xBC01, 0x7BFF, 0x7C00, 0xFC00, 0x3555, 0x0200],
        dtype=torch.int32).to(torch.int16)
    half, brain = patterns.view(torch.float16), patterns.clone().view(torch.bfloat16)
    doubles = torch.tensor([1 / 3, -1e-45, 1e300, 0.1, 16777217.0, 5e-324], dtype=torch.float64)
    return {"f16": half, "f16.expected": half.float(), "bf16": brain, "bf16.expected": brain.float(),
            "f64": doubles, "f64.expected": doubles.float()}


if __name__ == "__main__":
    root = Path(sys.argv[1])
    root.mkdir(parents=True, exist_ok=True)
    metadata = {"format": "pt"}
    save_file(every_dtype(), root / "dtypes.safetensors", metadata)
    save_file({"empty": torch.zeros(0, 4), "scalar": torch.tensor(2.5), 'a "quoted"\\name\té': torch.ones(1)},
              root / "shapes.safetensors", metadata)
    save_file(halves(), root / "floats.safetensors", metadata)
