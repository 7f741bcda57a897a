#!/usr/bin/env bash
# Builds and runs a second package that depends on this one by a version tag, as a user's would: the tag 0.0.1 is set in a clone.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

git -c advice.detachedHead=false clone --quiet --no-local "$root" "$work/qpeft"
git -C "$work/qpeft" -c user.name=qpeft -c user.email=qpeft@example.invalid tag -a 0.0.1 -m "for this build only"
cp -r Docs/Examples/Consumer "$work/Consumer"
export QPEFT_REPOSITORY=$work/qpeft
# What was built the last time is kept, so that only changes are built again.
build=$root/.build/consumer
mkdir -p "$build"
cd "$work/Consumer"
swift build -c release --scratch-path "$build"
"$build/release/Consumer" "$root/Tests/Fixtures/demo-model" "$root/Docs/Examples/requests/train.jsonl" "$work"
test -s "$work/adapter/adapter_model.safetensors"
cmp "$work/adapter/adapter_model.safetensors" "$work/copy/adapter_model.safetensors"
