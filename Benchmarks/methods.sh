#!/bin/bash
# Every method on small real models, plain and with planted outliers: the tables of methods in the README.
#
#   Benchmarks/methods.sh [WALSH]
#
# The last 900 of ../shared's stories calibrate, the first 100 are scored. Tables and drawings go to
# out/methods/PRESET/report.md and .html; an interrupted run continues where it was.
set -euo pipefail
cd "$(dirname "$0")/.."
walsh=${1:-.build/release/walsh}
data=../shared/data
stories=$data/tinystories/stories-1000.json
mkdir -p out/methods/models
python3 - "$stories" out/methods/calibration.json <<'PY'
import json, sys
json.dump(json.load(open(sys.argv[1]))[100:], open(sys.argv[2], "w"))
PY

models=()
for pair in babyllama=$data/babyllama/tok361/hf stories260k=$data/stories260k/hf story-llama=Examples/story-llama; do
  name=${pair%%=*} plain=out/methods/models/${pair%%=*} outliers=out/methods/models/${pair%%=*}-outliers
  ln -sfn "$(realpath "${pair#*=}")" "$plain"
  [ -d "$outliers" ] || "$walsh" outliers "$plain" --output "$outliers" --quiet
  models+=("$plain" "$outliers")
done

study() { # PRESET METHOD…
  local preset=$1
  shift
  "$walsh" study "${models[@]}" --to "$preset" --method "$@" --seed 1 2 3 --calibration out/methods/calibration.json \
    --documents "$stories" --limit 100 --context 256 --output "out/methods/$preset" --resume
}

study W4A4KV4 rtn smoothquant gptq quarot/rtn quarot spinquant/rtn spinquant flatquant flatquant/gptq duquant auto
study MXFP4 rtn smoothquant gptq rotation/rtn rotation/block32/rtn rotation/block32 mr-gptq duquant++ duquant++/gptq \
  flatquant auto
