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
exec "$python" Tests/Interop/interop.py --qpeft "${QPEFT:-.build/release/qpeft}" --model "$model" --work .interop/work "$@"
