#!/bin/bash
# The gap to bf16 at the end of one fixed training run, for every recipe: validation loss on held text, mean and spread over
# seeds. Slow: about two million tokens for each recipe and seed.
#
#   Benchmarks/recipes.sh [WALSH] [STEPS] [SEEDS]
#
# Runs land in out/recipes/RECIPE-SEED, each with its curve, one on each processor; finished runs are not repeated. The table
# and the curves go to out/recipes (see recipes_table.py).
set -euo pipefail
cd "$(dirname "$0")/.."
export WALSH=${1:-.build/release/walsh} STEPS=${2:-1000}
seeds=${3:-3}
recipes="bf16 mxfp4 nvfp4 adahop-lv1 adahop-lv2 mxfp4-rht fp32 nvfp4-4over6 fp8 quartet2"
ablations="nvfp4-no-rht nvfp4-no-sr nvfp4-1d nvfp4-no-kept nvfp4-late"
mkdir -p out/recipes

run() {
  out=out/recipes/$1-$2
  [ -e "$out/report.json" ] && return
  "$WALSH" train --layers 4 --width 128 --heads 4 --key-heads 2 --intermediate 384 --vocabulary 1024 \
    --text ../shared/data/tinystories/stories-1000.json --validation-share 0.05 --validation-interval 100 \
    --steps "$STEPS" --batch 8 --context 256 --learning-rate 0.002 --recipe "$1" --seed "$2" --threads 1 \
    --output "$out" --force --quiet --json >"$out.jsonl"
}
export -f run
for seed in $(seq 1 "$seeds"); do for recipe in $recipes; do echo "$recipe $seed"; done; done >out/recipes/runs
for seed in $(seq 1 "$seeds"); do for recipe in $ablations; do echo "$recipe $seed"; done; done >>out/recipes/runs
xargs -P "$(getconf _NPROCESSORS_ONLN)" -L 1 bash -c 'run "$0" "$1"' <out/recipes/runs
python3 Benchmarks/recipes_table.py $recipes $ablations
