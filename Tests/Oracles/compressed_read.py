"""Loads a checkpoint written by Walsh with transformers and compressed-tensors and prints its logits as JSON.

    pip install torch transformers==5.24.0 compressed-tensors==0.20.0
    python compressed_read.py FOLDER [TOKEN ...]

Prints {"dtype", "unexpected", "missing", "logits": [[...]]} for the tokens (0, 1, 2, ... 15 when none are given). The
library decompresses the weights to the dtype of the config; everything after that is Float32 arithmetic. Fails when a tensor is missing or unexpected: then the folder says something else than its config.
"""

import json
import sys

import torch
from transformers import AutoModelForCausalLM

if __name__ == "__main__":
    folder = sys.argv[1]
    tokens = [int(token) for token in sys.argv[2:]] or list(range(16))
    model, info = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True, dtype="auto")
    model.eval()
    dtype = str(model.dtype)
    with torch.no_grad():
        model(torch.tensor([tokens]))  # The first call decompresses the weights.
        torch.nn.Module.float(model)  # transformers forbids `model.float()` for quantized models.
        logits = model(torch.tensor([tokens])).logits[0].float()
    report = {key: sorted(map(str, info[f"{key}_keys"])) for key in ("unexpected", "missing")}
    print(json.dumps({"dtype": dtype, **report, "logits": logits.tolist()}))
    if report["unexpected"] or report["missing"]:
        sys.exit(1)
