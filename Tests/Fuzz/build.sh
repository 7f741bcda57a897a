#!/usr/bin/env bash
# Builds .build/fuzz/qpeft-fuzz: the rooms that read files of strangers, each compiled with libFuzzer's coverage.
# SwiftPM gives every executable a main of its own, libFuzzer has its own: hence the compilers by hand.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=.build/fuzz
mkdir -p $out
cat > $out/module.modulemap <<MAP
module CQPKernels { umbrella header "$PWD/CSupport/include/qpeft_kernels.h" export * }
MAP
clang=$(dirname "$(readlink -f "$(command -v swiftc)")")/clang
for file in CSupport/{reference,x86,arm,drivers,dispatch,threads}/*.c; do
  [ ! -e "$file" ] || "$clang" -c -O2 -DNDEBUG -I CSupport "$file" -o "$out/${file//\//_}.o"
done
common=(-O -parse-as-library -swift-version 6 -package-name qpeft -sanitize=fuzzer -I $out
  -Xcc "-fmodule-map-file=$out/module.modulemap" -Xcc "-fmodule-map-file=Sources/CZlib/module.modulemap" -enable-upcoming-feature ExistentialAny
  -enable-upcoming-feature InternalImportsByDefault -enable-upcoming-feature MemberImportVisibility)
for room in QPEFTJSON QPEFTKernels QPEFTTensor QPEFTQuantization QPEFTText QPEFTFormats QPEFTAutodiff QPEFTLayers QPEFTModels \
  FuzzTargets; do
  folder=Sources/$room
  [ $room = FuzzTargets ] && folder=Tests/Fuzz/Targets
  [ -e $out/$room.o ] && [ -z "$(find $folder -name '*.swift' -newer $out/$room.o)" ] && [ -z "${changed:-}" ] && continue
  changed=yes
  # shellcheck disable=SC2046
  swiftc "${common[@]}" -wmo -module-name $room -emit-module -emit-module-path $out/$room.swiftmodule \
    -c $(find $folder -name '*.swift') -o $out/$room.o
done
swiftc "${common[@]}" -module-name Fuzz Tests/Fuzz/Main.swift $out/*.o -lz -lm -o $out/qpeft-fuzz
echo $out/qpeft-fuzz
