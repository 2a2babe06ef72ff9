#!/bin/bash
# Trains the embedded model, Examples/story-llama, from its text: the stories beside this script and, for breadth, the
# thousand TinyStories of ../shared/data. About three minutes on two idle cores. The same processor gives
# the same bytes in every build and with any number of threads.
#
#   Examples/train-story-llama.sh [OUTPUT]
set -euo pipefail
cd "$(dirname "$0")/.."
swift build -c release --product walsh
"$(swift build -c release --show-bin-path)/walsh" train --config Examples/story-llama.yaml \
  --output "${1:-out/story-llama}" --force
