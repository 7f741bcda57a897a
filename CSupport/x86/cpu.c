/// What this processor and its system can run. __builtin_cpu_supports asks both.
#if defined(__x86_64__)
#include "x86/cpu.h"

int qp_has_avx2(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

int qp_has_avx512(void) {
  return qp_has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

int qp_has_vnni(void) { return qp_has_avx512() && __builtin_cpu_supports("avx512vnni"); }

int qp_has_avx512_bf16(void) { return qp_has_avx512() && __builtin_cpu_supports("avx512bf16"); }
#endif
