#!/bin/bash
# Peak resident memory and time of `walsh quantize` on a random Llama of 250 million parameters (1 GB in Float32).
#
#   Benchmarks/memory.sh [extra options of `walsh quantize`]
#
# Prints the peak beside the size of the model and of its largest block: memory is to follow the block, not the model.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

hidden=1024 layers=16 intermediate=2816 vocab=32000
python3 Tests/Oracles/random_llama.py "$work/model" \
  --hidden $hidden --layers $layers --intermediate $intermediate --vocab $vocab
swift build -c release --product walsh

python3 - "$work" $hidden $intermediate "$(swift build -c release --show-bin-path)/walsh" "$@" <<'PY'
import os, pathlib, resource, subprocess, sys, time

work, hidden, intermediate, walsh, *options = sys.argv[1:]
model = pathlib.Path(work, "model")
command = [walsh, "quantize", str(model), "--output", f"{work}/out", *(options or ["--to", "mxfp4a16"])]
start = time.monotonic()
code = subprocess.run(command, stdout=subprocess.DEVNULL).returncode
seconds = time.monotonic() - start
if code:
    sys.exit(code)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
# q, k, v, o at most hidden × hidden each; gate, up, down.
block = 4 * (4 * int(hidden) ** 2 + 3 * int(hidden) * int(intermediate))
size = sum(f.stat().st_size for f in model.iterdir())
print(f"model {size / 1e6:.0f} MB, block {block / 1e6:.0f} MB, peak {peak / 1e6:.0f} MB "
      f"({peak / size:.2f} of the model, {peak / block:.1f} blocks), {seconds:.1f} s")
PY
