#!/bin/bash
# The gap to bf16 at the end of one fixed training run, for every recipe: validation loss on held text, mean and spread over
# seeds. Slow: about two million tokens for each recipe and seed.
#
#   Benchmarks/recipes.sh [WALSH] [STEPS] [SEEDS]
#
# Runs land in out/recipes/RECIPE-SEED, each with its curve, one on each processor; finished runs are not repeated. The table
# and the curves go to out/recipes.
set -euo pipefail
cd "$(dirname "$0")/.."
export WALSH=${1:-.build/release/walsh} STEPS=${2:-1000}
seeds=${3:-3}
recipes="bf16 mxfp4 nvfp4 adahop-lv1 adahop-lv2 mxfp4-rht fp32 fp8"
variants="nvfp4-4over6 quartet2 nvfp4-no-rht nvfp4-no-sr nvfp4-1d nvfp4-no-kept nvfp4-late"
mkdir -p out/recipes

run() {
  # 2.9 million tokens of stories, web pages, encyclopedia, plays and novels, so that no step sees a text twice.
  texts=(tinystories/stories-1000.json web-text-samples/c4.jsonl web-text-samples/wiki.txt wikitext-2/valid.txt
    tinyshakespeare/input.txt gutenberg/pride-and-prejudice.txt lambada/lambada_test.jsonl)
  out=out/recipes/$1-$2
  [ -e "$out/report.json" ] && return
  "$WALSH" train --layers 4 --width 128 --heads 4 --key-heads 2 --intermediate 448 --vocabulary 1024 \
    "${texts[@]/#/--text=../shared/data/}" --validation-share 0.03 --validation-interval 200 \
    --steps "$STEPS" --batch 8 --context 256 --learning-rate 0.002 --recipe "$1" --seed "$2" --threads 1 \
    --output "$out" --force --quiet --json >"$out.jsonl"
}
export -f run
list() { for seed in $(seq 1 "$seeds"); do for recipe in $1; do echo "$recipe $seed"; done; done; }
{ list "$recipes"; list "$variants"; } | xargs -P "$(getconf _NPROCESSORS_ONLN)" -L 1 bash -c 'run "$0" "$1"'
folders=(); for run in $(list "$recipes $variants" | tr " " -); do folders+=("out/recipes/$run"); done
"$WALSH" runs "${folders[@]}" --base bf16 --report out/recipes
