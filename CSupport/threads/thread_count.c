/// How many threads share the work.
#ifdef __linux__
#define _GNU_SOURCE
#include <sched.h>
#endif
#include <stdatomic.h>
#include <unistd.h>

#include "include/qpeft_kernels.h"
#include "threads/cpu_quota.h"
#include "threads/parallel.h"

static size_t usable_cores(void) {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return (size_t)CPU_COUNT(&set);
#endif
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  return cores > 0 ? (size_t)cores : 1;
}

static atomic_size_t core_count, default_count, thread_count;

// What was found first stays: threads may be kept to different cores, and scratch is sized by what one of them found.
static size_t first_found(atomic_size_t *kept, size_t found) {
  size_t first = 0;
  return atomic_compare_exchange_strong(kept, &first, found) ? found : first;
}

static size_t cores(void) {
  size_t count = atomic_load(&core_count);
  return count ? count : first_found(&core_count, usable_cores());
}

// More threads than a container has processor time for would wait for each other at the end of every kernel.
static size_t default_threads(void) {
  size_t count = atomic_load(&default_count);
  if (count) return count;
  size_t quota = qp_quota_cores("/proc/self/cgroup", "/sys/fs/cgroup");
  return first_found(&default_count, quota && quota < cores() ? quota : cores());
}

size_t qp_worker_limit(void) { return cores() < 4 ? 4 : cores(); }

void qp_set_thread_count(size_t count) {
  size_t limit = qp_worker_limit();
  atomic_store(&thread_count, count == 0 ? 1 : count > limit ? limit : count);
}

size_t qp_thread_count(void) {
  size_t count = atomic_load(&thread_count);
  return count ? count : default_threads();
}
