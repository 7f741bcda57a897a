#!/usr/bin/env bash
# Prepares a comparison in FOLDER: an environment with all peers, and SmolLM2-135M-Instruct in the form that each of them wants.
#
#   bash Benchmarks/Peers/setup.sh [FOLDER]        default .build-peers
#   PYTHON=... uses an environment that has the packages already.
#
# Writes FOLDER/nf4 (bitsandbytes NF4, for qpeft and transformers), FOLDER/q4_0.gguf (llama.cpp), FOLDER/mlx4 (MLX, 4 bits in groups
# of 64). Wants `swift build -c release --product qpeft` done.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder="${1:-.build-peers}"
mkdir -p "$folder"
if [ -z "${PYTHON:-}" ]; then
  PYTHON="$folder/venv/bin/python"
  if [ ! -x "$PYTHON" ]; then
    python3 -m venv "$folder/venv"
    "$PYTHON" -m pip install --quiet -r Tests/References/requirements.txt -r Benchmarks/Peers/requirements.txt
  fi
fi
gguf="$(Docs/Examples/requests/fetch-model.sh)"
if [ ! -d "$folder/smollm2-f32" ]; then "$PYTHON" Tests/References/make_smollm2_directories.py "$gguf" "$folder"; fi
# From float32, so that its config asks for float32 products: float16 is unusably slow in bitsandbytes on a processor.
if [ ! -d "$folder/nf4" ]; then .build/release/qpeft quantize "$folder/smollm2-f32" --output "$folder/nf4"; fi
if [ ! -f "$folder/q4_0.gguf" ]; then "$PYTHON" Benchmarks/Peers/make_q4_0.py "$gguf" "$folder/q4_0.gguf"; fi
if [ ! -d "$folder/mlx4" ]; then
  "$PYTHON" -m mlx_lm convert --hf-path "$folder/smollm2-f32" --mlx-path "$folder/mlx4" -q --q-bits 4 --q-group-size 64
fi
echo "ready: $PYTHON Benchmarks/Peers/compare.py --folder $folder --python $PYTHON --output results.json"
