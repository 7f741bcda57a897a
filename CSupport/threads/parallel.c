/// Tasks by a pool of threads. Between jobs workers watch for the next one for a while, then they sleep: kernels of one pass of a model
/// follow each other within microseconds, and waking takes some forty. A caller who finds the pool busy works alone: right, only slower.
#include "threads/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "include/qpeft_kernels.h"

enum {
  WATCHED_MICROSECONDS = 200,
  LOOKS = 64,  // before the core is offered to others
};

typedef struct {
  size_t tasks;
  qp_task *task;
  void *context;
  atomic_size_t next, workers;
} parallel_job;

static pthread_mutex_t owner = PTHREAD_MUTEX_INITIALIZER;  // held for the whole of one job
static size_t started;
static parallel_job *current;

// How many workers may still join the current job (high half), and how many are in it (low half).
static atomic_uint_least64_t places;
#define ONE_MAY_JOIN ((uint64_t)1 << 32)
#define INSIDE (ONE_MAY_JOIN - 1)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;  // held to fall asleep and to wake
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static atomic_size_t sleeping;

static void look_away(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static int64_t microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

// Whether a place in a job was free and is taken.
static int join(void) {
  uint64_t seen = atomic_load(&places);
  while (seen >= ONE_MAY_JOIN) {
    if (atomic_compare_exchange_weak(&places, &seen, seen - ONE_MAY_JOIN + 1)) return 1;
  }
  return 0;
}

static int nobody_inside(void) { return atomic_load(&places) == 0; }

// Whether `happened` said so within that time.
static int watch(int (*happened)(void), int64_t most) {
  for (int64_t start = microseconds(); microseconds() - start < most;) {
    for (int i = 0; i < LOOKS; i++) {
      if (happened()) return 1;
      look_away();
    }
    sched_yield();
  }
  return 0;
}

// `sleeping` rises before `places` is read, and a caller reads it after writing `places`: one of the two sees the other.
static void sleep_until_wanted(void) {
  pthread_mutex_lock(&lock);
  atomic_fetch_add(&sleeping, 1);
  while (atomic_load(&places) < ONE_MAY_JOIN) pthread_cond_wait(&wake, &lock);
  atomic_fetch_sub(&sleeping, 1);
  pthread_mutex_unlock(&lock);
}

static void work(parallel_job *job) {
  size_t worker = atomic_fetch_add(&job->workers, 1);
  for (size_t i; (i = atomic_fetch_add(&job->next, 1)) < job->tasks;) job->task(job->context, i, worker);
}

static void *worker(void *unused) {
  (void)unused;
  for (;;) {
    while (!watch(join, WATCHED_MICROSECONDS)) sleep_until_wanted();
    work(current);
    atomic_fetch_sub(&places, 1);
  }
  return NULL;
}

// A child of fork has none of the workers, and locks and counters as they were at some moment.
static void begin_afresh(void) {
  owner = lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
  wake = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
  started = 0;
  atomic_store(&places, 0);
  atomic_store(&sleeping, 0);
}

static void start_workers(size_t count) {
  static int follows_forks;
  if (!follows_forks) follows_forks = pthread_atfork(NULL, NULL, begin_afresh) == 0;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 1 << 20);
  pthread_t thread;
  while (started < count && pthread_create(&thread, &attributes, worker, NULL) == 0) started++;
  pthread_attr_destroy(&attributes);
}

static void invite(parallel_job *job, size_t workers) {
  if (started < workers) start_workers(workers);
  current = job;
  atomic_store(&places, (started < workers ? started : workers) * ONE_MAY_JOIN);
  if (atomic_load(&sleeping) == 0) return;
  pthread_mutex_lock(&lock);
  pthread_cond_broadcast(&wake);
  pthread_mutex_unlock(&lock);
}

// Who has not joined yet is not needed any more; who has is waited for.
static void see_off(void) {
  atomic_fetch_and(&places, INSIDE);
  watch(nobody_inside, INT64_MAX);
}

void qp_parallel_for(size_t tasks, qp_task *task, void *context) {
  size_t threads = qp_thread_count();
  if (threads > tasks) threads = tasks;
  parallel_job job = {.tasks = tasks, .task = task, .context = context};
  if (threads <= 1 || pthread_mutex_trylock(&owner) != 0) {
    work(&job);
    return;
  }
  invite(&job, threads - 1);
  work(&job);
  see_off();
  pthread_mutex_unlock(&owner);
}
