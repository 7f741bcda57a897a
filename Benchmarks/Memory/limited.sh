#!/usr/bin/env bash
# Trains under `--memory-budget` inside a memory cgroup of the budget plus 2 %: the proof from outside that a budget is held.
# usage (as root): limited.sh QPEFT MODEL TOKENS BUDGET_MIB...
set -euo pipefail
qpeft=$1 model=$2 tokens=$3
shift 3
. "$(dirname "$0")/cgroup.sh"
rows 4 $((tokens * 2))
echo "| budget, MiB | limit, MiB | exit code | layout | resident peak, MiB | peak of the cgroup, MiB |"
echo "|---:|---:|---:|---|---:|---:|"
for budget in "$@"; do
  forget "$model"
  bytes=$((budget * 1048576 * 102 / 100))
  limit $bytes
  run="$folder/run-$budget"
  code=0
  inside "$qpeft" train --model "$model" --data "$folder/rows.jsonl" --output "$run" --batch-size 2 --steps 2 --save-steps 0 \
    --max-length "$tokens" --train-on all --memory-budget "${budget}MiB" > "$folder/log" 2>&1 || code=$?
  layout=$(sed -n 's/^layout *//p' "$folder/log")
  [ -n "$layout" ] || layout=$(grep -m1 '^error' "$folder/log" || true)
  resident=0
  [ ! -s "$run/metrics.jsonl" ] || resident=$(tail -1 "$run/metrics.jsonl" | sed 's/.*"peak_bytes": \([0-9]*\).*/\1/')
  echo "| $budget | $((bytes / 1048576)) | $code | $layout | $((resident / 1048576)) | $(peak) |"
done
