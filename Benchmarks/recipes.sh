#!/bin/bash
# The gap to bf16 at the end of one fixed training run, for every recipe: validation loss on held text, mean and spread over
# seeds. Slow: about two million tokens for each recipe and seed.
#
#   Benchmarks/recipes.sh [WALSH] [STEPS] [SEEDS]
#
# Runs land in out/recipes/RECIPE-SEED, each with its curve; finished runs are not repeated. The table goes to the screen and
# to out/recipes/table.md.
set -euo pipefail
cd "$(dirname "$0")/.."
walsh=${1:-.build/release/walsh} steps=${2:-1000} seeds=${3:-3}
recipes="bf16 fp32 fp8 mxfp4 mxfp4-rht nvfp4 nvfp4-no-rht nvfp4-no-sr nvfp4-1d nvfp4-no-kept nvfp4-4over6 nvfp4-late \
quartet2 quartet2-4over6 adahop-lv1 adahop-lv2"
mkdir -p out/recipes
for seed in $(seq 1 "$seeds"); do
  for recipe in $recipes; do
    out=out/recipes/$recipe-$seed
    [ -e "$out/report.json" ] && continue
    "$walsh" train --layers 4 --width 128 --heads 4 --key-heads 2 --intermediate 384 --vocabulary 1024 \
      --text ../shared/data/tinystories/stories-1000.json --validation-share 0.05 --validation-interval "$steps" \
      --steps "$steps" --batch 8 --context 256 --learning-rate 0.002 --recipe "$recipe" --seed "$seed" \
      --output "$out" --force --quiet --json >"$out.jsonl"
  done
done
python3 - $recipes <<'PY' | tee out/recipes/table.md
import glob, json, statistics, sys

def losses(recipe):
    found = {}
    for path in glob.glob(f"out/recipes/{recipe}-[0-9]*.jsonl"):
        lines = [json.loads(line) for line in open(path)]
        held = [line["validationLoss"] for line in lines if line["validationLoss"] is not None]
        if held and path.rsplit("-", 1)[0] == f"out/recipes/{recipe}":
            found[path.rsplit("-", 1)[1]] = held[-1]
    return found

base = losses("bf16")
print("| recipe | validation loss | gap to bf16, same seed | spread |\n|:---|---:|---:|---:|")
for recipe in sys.argv[1:]:
    own = losses(recipe)
    gaps = [own[s] - base[s] for s in own if s in base]
    if gaps:
        spread = f"± {statistics.stdev(gaps):.4f}" if len(gaps) > 1 else "one seed"
        print(f"| {recipe} | {statistics.mean(own.values()):.4f} | {statistics.mean(gaps):+.4f} | {spread} |")
PY
