#!/bin/bash
# Trains the embedded Mamba, Examples/story-mamba, from its text: the stories beside this script and, for breadth, the
# thousand TinyStories of ../shared/data. About three minutes on two idle cores. The same processor gives
# the same bytes in every build and with any number of threads.
#
#   Examples/train-story-mamba.sh [OUTPUT]
set -euo pipefail
cd "$(dirname "$0")/.."
swift build -c release --product walsh
"$(swift build -c release --show-bin-path)/walsh" train --config Examples/story-mamba.yaml \
  --output "${1:-out/story-mamba}" --force
