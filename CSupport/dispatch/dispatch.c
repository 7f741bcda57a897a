/// The one list of kernel sets, and the one in use.
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch/kernel_set.h"

static const qp_kernel_set *const sets[] = {
    // best first
#if defined(__x86_64__)
    &qp_kernels_avx512,
    &qp_kernels_avx2,
#elif defined(__aarch64__)
    &qp_kernels_neon,
#endif
    &qp_kernels_reference,
};

static _Atomic(const qp_kernel_set *) active;
static _Thread_local const qp_kernel_set *override;

const qp_kernel_set *qp_built_kernels(size_t index) { return index < sizeof sets / sizeof *sets ? sets[index] : NULL; }

static const qp_kernel_set *supported_set(size_t index) {
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
    if (sets[i]->supported() && index-- == 0) return sets[i];
  return NULL;
}

static const qp_kernel_set *named_set(const char *name) {
  const qp_kernel_set *set;
  for (size_t i = 0; name && (set = supported_set(i)); i++)
    if (strcmp(set->name, name) == 0) return set;
  return NULL;
}

const qp_kernel_set *qp_kernels(void) {
  if (override) return override;
  const qp_kernel_set *set = atomic_load_explicit(&active, memory_order_acquire);
  if (set) return set;
  set = named_set(getenv("QPEFT_KERNELS"));
  if (!set) set = supported_set(0);
  const qp_kernel_set *none = NULL;
  if (!atomic_compare_exchange_strong(&active, &none, set)) set = none;
  return set;
}

const char *qp_kernel_set_name(size_t index) {
  const qp_kernel_set *set = supported_set(index);
  return set ? set->name : NULL;
}

const char *qp_active_kernel_set(void) { return qp_kernels()->name; }

int qp_select_kernel_set(const char *name) {
  const qp_kernel_set *set = named_set(name);
  if (!set) return -1;
  atomic_store(&active, set);
  return 0;
}

const char *qp_overriding_kernel_set(void) { return override ? override->name : NULL; }

int qp_override_kernel_set(const char *name) {
  const qp_kernel_set *set = name ? named_set(name) : NULL;
  if (name && !set) return -1;
  override = set;
  return 0;
}
