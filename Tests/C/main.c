/// Runs every test over every set of kernels of this build that the processor supports; says which sets it left out.
#include "check.h"

int main(void) {
  test_quota();
  test_parallel();
  for (size_t i = 0; qp_built_kernels(i); i++) {
    const qp_kernel_set *set = qp_built_kernels(i);
    if (qp_select_kernel_set(set->name) != 0) {
      printf("%-10s left out: this processor does not support it\n", set->name);
      continue;
    }
    size_t before = failures();
    seed(i + 1);
    test_products(set);
    test_few(set);
    test_codecs(set);
    test_blocks(set);
    test_rows(set);
    test_vectors(set);
    test_drivers();
    printf("%-10s %s\n", set->name, failures() == before ? "passed" : "FAILED");
    fflush(stdout);
  }
  if (failures()) printf("%zu checks failed\n", failures());
  return failures() ? 1 : 0;
}
