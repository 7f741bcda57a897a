#!/usr/bin/env bash
# Fuzzes every reader for a while: Fuzz/run.sh [SECONDS [TARGET...]]. A finding ends the run with exit code 1.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
bash Fuzz/build.sh >/dev/null
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(safetensors index gguf tokenizer config adapter template rows json)
for target in "${targets[@]}"; do
  mkdir -p ".build/fuzz/found/$target"
  # New inputs go to .build, the committed ones are only read.
  QPEFT_FUZZ=$target .build/fuzz/qpeft-fuzz ".build/fuzz/found/$target" "Fuzz/corpus/$target" \
    -max_total_time="$seconds" -max_len=16384 -rss_limit_mb=1024 -timeout=10 -print_final_stats=1 -verbosity=0 \
    -artifact_prefix=".build/fuzz/$target-" 2> ".build/fuzz/$target.log" || {
    tail -40 ".build/fuzz/$target.log"
    exit 1
  }
  echo "$target: $(grep -o 'number_of_executed_units: [0-9]*' ".build/fuzz/$target.log" | grep -o '[0-9]*') runs, nothing found"
done
