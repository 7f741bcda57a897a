#!/bin/bash
# What Docs/Kernels.md quotes, measured on this machine in about half an hour. Nothing else should run meanwhile:
#   swift build -c release --product KernelBenchmark
#   Benchmarks/Kernels/measure.sh > Benchmarks/Kernels/results/NAME.txt
set -euo pipefail
cd "$(dirname "$0")/../.."
binary=.build/release/KernelBenchmark
on_avx2="QPEFT_KERNELS=avx2 OPENBLAS_CORETYPE=Haswell"  # on both sides

# Words before the command are settings of its environment.
measure() {
  echo
  echo "$ $*" | sed "s|$binary|KernelBenchmark|"
  env "$@"
}

has_avx512() { grep -q avx512bw /proc/cpuinfo; }

grep -E '^(model name|cpu family|model|CPU part)' /proc/cpuinfo | sort | uniq -c
git log -1 --format='commit %h'
measure $binary products
measure $binary products --bf16 --tokens 64,256,512,2048
measure $binary products --one-core --tokens 1,8,64,512 576x1536 4096x4096
has_avx512 && measure $on_avx2 $binary products --tokens 1,8,64,512 576x1536 2048x5632 4096x4096
measure $binary blocks --tokens 1,64,512 4096x4096
has_avx512 && measure $on_avx2 $binary blocks --tokens 1,64,512 2048x2048
for _ in 1 2 3; do measure $binary lowrank attention head streams; done
measure $binary attention --bf16
