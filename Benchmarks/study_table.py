#!/usr/bin/env python3
"""The README's tables from `make study`: presets by methods, the loss above the base in nats.

    python3 Benchmarks/study_table.py out/study/babyllama/report.json out/study/stories260k/report.json
"""

import json
import sys

METHODS = {
    "rtn": "RTN",
    "smoothquant": "SmoothQuant",
    "gptq": "GPTQ",
    "rotation-solver-rtn": "Hadamard, RTN",
    "rotation": "Hadamard, GPTQ",
    "rotation-rotation-block32": "block 32, GPTQ",
    "rotation-rotation-two-block": "two-block, GPTQ",
    "rotation-rotation-haar": "Haar, GPTQ",
    "rotation-no-online-rotations": "folded only, GPTQ",
}

for path in sys.argv[1:]:
    report = json.load(open(path))
    base, *rows = report["comparison"]
    cells = {}
    for row in rows:
        preset, method = row["name"].split("-", 1)
        cells.setdefault(preset, {})[method] = row["lossDifference"]
    print(f"{base['name']}: loss {base['loss']:.4f} over {base['tokens']} tokens ({base['protocol']})\n")
    print("| preset | " + " | ".join(METHODS.values()) + " |")
    print("|:---|" + "---:|" * len(METHODS))
    for preset, losses in cells.items():
        best = min(losses.values())
        shown = [f"**{v:+.4f}**" if v == best else f"{v:+.4f}" for v in (losses[m] for m in METHODS)]
        print(f"| {preset} | " + " | ".join(shown) + " |")
    print()
