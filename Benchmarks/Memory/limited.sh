#!/usr/bin/env bash
# Trains under `--memory-budget` inside a memory cgroup of the budget plus 2 %: the proof from outside that a budget is held.
# usage (as root): limited.sh QPEFT MODEL TOKENS BUDGET_MIB...
set -euo pipefail
qpeft=$1 model=$2 tokens=$3
shift 3
folder=$(mktemp -d)
if [ -d /sys/fs/cgroup/memory ]; then
  group=/sys/fs/cgroup/memory/qpeft-$$ limit=memory.limit_in_bytes peak=memory.max_usage_in_bytes
else
  group=/sys/fs/cgroup/qpeft-$$ limit=memory.max peak=memory.peak
fi
mkdir "$group"
trap 'rmdir "$group"; rm -rf "$folder"' EXIT
# Rows without a repeated word, cut to their length.
for row in 1 2 3 4; do
  printf '{"text": "%s"}\n' "$(head -c $((tokens * 8)) /dev/urandom | base64 -w0 | tr -dc a-z | head -c $((tokens * 2)))"
done > "$folder/rows.jsonl"
echo "| budget, MiB | limit, MiB | exit code | layout | resident peak, MiB | peak of the cgroup, MiB |"
echo "|---:|---:|---:|---|---:|---:|"
for budget in "$@"; do
  # Weights that another program read before would not be charged to the group.
  for file in "$model"/*.safetensors; do dd if="$file" iflag=nocache count=0 status=none; done
  bytes=$((budget * 1048576 * 102 / 100))
  echo $bytes > "$group/$limit"
  echo 0 > "$group/$peak" 2>/dev/null || true
  run="$folder/run-$budget"
  code=0
  (echo $BASHPID > "$group/cgroup.procs" && exec "$qpeft" train --model "$model" --data "$folder/rows.jsonl" --output "$run" \
    --batch-size 2 --steps 2 --save-steps 0 --max-length "$tokens" --train-on all --memory-budget "${budget}MiB") \
    > "$folder/log" 2>&1 || code=$?
  layout=$(sed -n 's/^layout *//p' "$folder/log")
  [ -n "$layout" ] || layout=$(grep -m1 '^error' "$folder/log" || true)
  resident=0
  [ ! -s "$run/metrics.jsonl" ] || resident=$(tail -1 "$run/metrics.jsonl" | sed 's/.*"peak_bytes": \([0-9]*\).*/\1/')
  echo "| $budget | $((bytes / 1048576)) | $code | $layout | $((resident / 1048576)) | $(($(cat "$group/$peak") / 1048576)) |"
done
