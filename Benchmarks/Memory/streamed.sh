#!/usr/bin/env bash
# Trains a base that is larger than the memory it may have: weights streamed by `--resident-weights` inside a memory cgroup, which
# counts pages of files too, so that what is released has to come from the disk again. Prints the disk's speed beside the seconds.
# usage (as root): streamed.sh QPEFT MODEL TOKENS RESIDENT_WEIGHTS_MIB LIMIT_MIB [STEPS]
set -euo pipefail
qpeft=$1 model=$2 tokens=$3 resident=$4 most=$5 steps=${6:-2}
. "$(dirname "$0")/cgroup.sh"
rows "$steps" $((tokens * 8))
forget "$model"
limit $((most << 20))
shard=$(ls -S "$model"/*.safetensors | head -1)
speed=$(dd if="$shard" of=/dev/null bs=8M iflag=direct 2>&1 | tail -1 | sed 's/.*, //')
inside "$qpeft" train --model "$model" --data "$folder/rows.jsonl" --output "$folder/run" --steps "$steps" --save-steps 0 \
  --max-length "$tokens" --checkpointing block --resident-weights "${resident}MiB" --memory-budget "${most}MiB" \
  > "$folder/log" 2>&1 || { tail -5 "$folder/log"; exit 1; }
echo "weights $(du -cb "$model"/*.safetensors | tail -1 | cut -f1) bytes, of which at most $resident MiB resident; limit of the cgroup $most MiB"
echo "the disk reads $speed"
echo "peak of the cgroup $(peak) MiB"
sed 's/.*"peak_bytes": \([0-9]*\), "seconds": \([0-9.]*\).*/step: resident peak \1 bytes, \2 seconds/' "$folder/run/metrics.jsonl"
