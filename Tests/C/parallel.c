/// The pool of threads: every task runs once, whoever asks, and whether workers watch, sleep or are busy.
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "check.h"
#include "threads/parallel.h"

enum { TASKS = 40, JOBS = 2000 };

typedef struct {
  atomic_uint runs[TASKS];
  atomic_uint strangers;  // workers of a number that scratch has no room for
  int sums;               // written by the caller between jobs: what a worker reads must be what was written last
} counted;

static void count(void *context, size_t i, size_t worker) {
  counted *c = context;
  atomic_fetch_add(&c->runs[i], (unsigned)c->sums);
  if (worker >= qp_worker_limit()) atomic_fetch_add(&c->strangers, 1);
}

static void *many_jobs(void *failed) {
  for (int job = 1; job <= JOBS; job++) {
    counted c = {.sums = job};
    size_t tasks = (size_t)(job % TASKS) + 1;
    qp_parallel_for(tasks, count, &c);
    for (size_t i = 0; i < TASKS; i++) {
      if (c.runs[i] != (i < tasks ? (unsigned)job : 0) || c.strangers) *(int *)failed = 1;
    }
  }
  return NULL;
}

static void job_of_jobs(void *context, size_t i, size_t worker) {
  (void)i, (void)worker;
  counted inner = {.sums = 1};
  qp_parallel_for(TASKS, count, &inner);
  for (size_t k = 0; k < TASKS; k++) atomic_fetch_add(&((counted *)context)->runs[k], inner.runs[k]);
}

void test_parallel(void) {
  for (size_t threads = 1; threads <= 4; threads++) {
    qp_set_thread_count(threads);
    at("%zu threads", threads);
    int failed = 0;
    many_jobs(&failed);
    holds("jobs one after the other run every task once", !failed);

    for (int i = 0; i < 5; i++) {
      nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);  // workers fall asleep
      counted c = {.sums = 1};
      qp_parallel_for(TASKS, count, &c);
      for (size_t k = 0; k < TASKS; k++) failed |= c.runs[k] != 1;
    }
    holds("jobs after a pause run every task once", !failed);

    counted c = {.sums = 1};
    qp_parallel_for(TASKS, job_of_jobs, &c);
    for (size_t k = 0; k < TASKS; k++) failed |= c.runs[k] != TASKS;
    holds("jobs within a job run every task once", !failed);

    int failures_of[3] = {0};
    pthread_t callers[3];
    for (int i = 0; i < 3; i++) pthread_create(&callers[i], NULL, many_jobs, &failures_of[i]);
    for (int i = 0; i < 3; i++) pthread_join(callers[i], NULL), failed |= failures_of[i];
    holds("jobs of several callers at once run every task once", !failed);
  }
}
