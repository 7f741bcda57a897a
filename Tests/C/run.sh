#!/usr/bin/env bash
# Builds the C tests four times and runs them: for this processor, under AddressSanitizer +
# UndefinedBehaviorSanitizer, under ThreadSanitizer, and for 64-bit Arm under an emulator.
#
#   bash Tests/C/run.sh [native] [asan] [tsan] [arm]      all of them without arguments
#
# Wants the clang of the Swift toolchain and its lld; for Arm also Debian's qemu-user, libc6-dev-arm64-cross and
# libgcc-12-dev-arm64-cross. Where these are missing, Arm is left out with a word, unless it was asked for or CI is set.
set -euo pipefail
cd "$(dirname "$0")/../.."
clang="${CLANG:-$(dirname "$(readlink -f "$(command -v swift)")")/clang}"
toolchain="$(dirname "$clang")/.."
out=.build/c-tests
mkdir -p "$out"

tests=$(ls Tests/C/*.c)
kernels=$(ls CSupport/{reference,x86,arm,drivers,dispatch,threads}/*.c | grep -v yardstick)  # which is OpenBLAS's
common="-g -Wall -Wextra -ICSupport -fuse-ld=lld"

native() {
  "$clang" $common -O2 $tests $kernels -lm -lpthread -o "$out/native"
  "$out/native"
}

asan() {
  # A vectorised loop may be one that an instrumented build cannot vectorise: no error of the code.
  "$clang" $common -Wno-pass-failed -O1 -fsanitize=address,undefined,float-cast-overflow \
    -fno-sanitize-recover=undefined,float-cast-overflow -fno-omit-frame-pointer $tests $kernels -lm -lpthread -o "$out/asan"
  "$out/asan"
}

tsan() {
  # The toolchain's ThreadSanitizer knows about Dispatch and wants it linked.
  # It ends children of fork that start threads.
  "$clang" $common -DNO_FORKS -Wno-pass-failed -O1 -fsanitize=thread $tests $kernels -lm -lpthread \
    -L"$toolchain/lib/swift/linux" -Wl,-rpath,"$toolchain/lib/swift/linux" -ldispatch -lBlocksRuntime -o "$out/tsan"
  TSAN_OPTIONS=halt_on_error=1 "$out/tsan"
}

arm() {
  # The emulator cannot fork where there are threads.
  "$clang" $common -DNO_FORKS --target=aarch64-linux-gnu -static -O2 -isystem /usr/aarch64-linux-gnu/include \
    -L/usr/aarch64-linux-gnu/lib $tests $kernels -lm -lpthread -o "$out/arm"
  qemu-aarch64 "$out/arm"
}

can_arm() { command -v qemu-aarch64 >/dev/null && [ -d /usr/aarch64-linux-gnu/include ] && ls /usr/lib/gcc-cross/aarch64-linux-gnu/*/libgcc.a >/dev/null 2>&1; }

chosen="${*:-native asan tsan arm}"
for variant in $chosen; do
  if [ "$variant" = arm ] && [ $# = 0 ] && [ -z "${CI:-}" ] && ! can_arm; then
    echo "arm        left out: needs qemu-user, libc6-dev-arm64-cross, libgcc-12-dev-arm64-cross"
    continue
  fi
  echo "== C tests, $variant"
  "$variant"
done
