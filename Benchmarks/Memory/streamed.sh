#!/usr/bin/env bash
# Trains a base that is larger than the memory it may have: weights streamed by `--resident-weights` inside a memory cgroup, which
# counts pages of files too, so that what is released has to come from the disk again. Prints the disk's speed beside the seconds.
# usage (as root): streamed.sh QPEFT MODEL TOKENS RESIDENT_WEIGHTS_MIB LIMIT_MIB [STEPS]
set -euo pipefail
qpeft=$1 model=$2 tokens=$3 resident=$4 limit=$5 steps=${6:-2}
folder=$(mktemp -d)
if [ -d /sys/fs/cgroup/memory ]; then
  group=/sys/fs/cgroup/memory/qpeft-$$ file=memory.limit_in_bytes peak=memory.max_usage_in_bytes
else
  group=/sys/fs/cgroup/qpeft-$$ file=memory.max peak=memory.peak
fi
mkdir "$group"
trap 'rmdir "$group"; rm -rf "$folder"' EXIT
echo $((limit << 20)) > "$group/$file"
for row in $(seq "$steps"); do
  printf '{"text": "%s"}\n' "$(head -c $((tokens * 64)) /dev/urandom | base64 -w0 | tr -dc a-z | head -c $((tokens * 8)))"
done > "$folder/rows.jsonl"
# Nothing of the weights may be in memory from before.
for shard in "$model"/*.safetensors; do dd if="$shard" iflag=nocache count=0 status=none; done
shard=$(ls -S "$model"/*.safetensors | head -1)
speed=$(dd if="$shard" of=/dev/null bs=8M iflag=direct 2>&1 | tail -1 | sed 's/.*, //')
(echo $BASHPID > "$group/cgroup.procs" && exec "$qpeft" train --model "$model" --data "$folder/rows.jsonl" --output "$folder/run" \
  --steps "$steps" --save-steps 0 --max-length "$tokens" --checkpointing block --resident-weights "${resident}MiB" \
  --memory-budget "${limit}MiB") > "$folder/log" 2>&1 ||
  { tail -5 "$folder/log"; exit 1; }
echo "weights $(du -cb "$model"/*.safetensors | tail -1 | cut -f1) bytes, of which at most $resident MiB resident; limit of the cgroup $limit MiB"
echo "the disk reads $speed"
echo "peak of the cgroup $(($(cat "$group/$peak") >> 20)) MiB"
sed 's/.*"peak_bytes": \([0-9]*\), "seconds": \([0-9.]*\).*/step: resident peak \1 bytes, \2 seconds/' "$folder/run/metrics.jsonl"
