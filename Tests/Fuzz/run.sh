#!/usr/bin/env bash
# Fuzzes every reader for a while, one target a core: Tests/Fuzz/run.sh [SECONDS [TARGET...]]. A finding ends the run with exit code 1.
# New inputs go to .build; the committed ones are only read.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
shift || true
bash Tests/Fuzz/build.sh >/dev/null
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(safetensors index gguf tokenizer vocabulary config adapter template rows csv json)

# A process that libFuzzer ends does not remove its files. In memory where there is such a folder.
TMPDIR=$(mktemp -d "$([ -d /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")/qpeft-fuzz.XXXXXX")
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

fuzz() {
  local target=$1 log=.build/fuzz/$1.log
  mkdir -p ".build/fuzz/found/$target"
  QPEFT_FUZZ=$target .build/fuzz/qpeft-fuzz ".build/fuzz/found/$target" "Tests/Fuzz/corpus/$target" \
    -max_total_time="$2" -max_len=16384 -rss_limit_mb=1024 -timeout=10 -print_final_stats=1 -verbosity=0 \
    -artifact_prefix=".build/fuzz/$target-" 2> "$log" || {
    tail -40 "$log"
    return 255 # the value at which xargs starts no other
  }
  echo "$target: $(grep -o 'number_of_executed_units: [0-9]*' "$log" | grep -o '[0-9]*') runs, nothing found"
}
export -f fuzz
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I TARGET bash -euc "fuzz TARGET $seconds"
