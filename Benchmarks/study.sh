#!/bin/bash
# Every preset by every method on both small models of ../shared/data: the tables of the README.
#
#   Benchmarks/study.sh [WALSH]
#
# The last 900 stories calibrate, the first 100 are scored. Tables and plots go to out/study/MODEL/report.md and .html.
set -euo pipefail
cd "$(dirname "$0")/.."
walsh=${1:-.build/release/walsh}
data=../shared/data
stories=$data/tinystories/stories-1000.json
mkdir -p out/study
python3 - "$stories" out/study/calibration.json <<'PY'
import json, sys
json.dump(json.load(open(sys.argv[1]))[100:], open(sys.argv[2], "w"))
PY

study() { # NAME FOLDER
  local out=out/study/$1 folders=()
  mkdir -p "$out"
  for preset in NVFP4 NVFP4A16 MXFP4 MXFP4A16 W4A16 W4A4KV4 W8A8 W3A16 W2A16; do
    for method in "rtn" "smoothquant" "gptq" "rotation --solver rtn" "rotation" "rotation --rotation block32" \
      "rotation --rotation two-block" "rotation --rotation haar" "rotation --no-online-rotations"; do
      local name="$preset ${method//--/}"
      name=$out/$(echo "$name" | tr -s ' ' '-')
      # shellcheck disable=SC2086
      "$walsh" quantize "$2" --to "$preset" --method $method --calibration out/study/calibration.json \
        --samples 64 --context 256 --output "$name" --force --quiet >/dev/null
      folders+=("$name")
    done
  done
  "$walsh" compare "$2" "${folders[@]}" --documents "$stories" --limit 100 --context 256 --report "$out"
}

study babyllama $data/babyllama/tok361/hf
study stories260k $data/stories260k/hf
