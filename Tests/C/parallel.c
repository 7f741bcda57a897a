/// The pool of threads: every task runs once, whoever asks, and whether workers watch, sleep or are busy.
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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

#ifndef NO_FORKS

// Only done when two threads are in it at once.
static void meet(void *here, size_t i, size_t worker) {
  (void)i, (void)worker;
  atomic_fetch_add((atomic_uint *)here, 1);
  while (atomic_load((atomic_uint *)here) < 2) sched_yield();
}

// Whether a child has workers of its own: one that hangs is ended by its alarm.
static int child_works(void) {
  pid_t child = fork();
  if (child == 0) {
    alarm(10);
    int failed = 0;
    atomic_uint here = 0;
    qp_parallel_for(2, meet, &here);
    for (int job = 0; job < 20; job++) {
      counted c = {.sums = 1};
      qp_parallel_for(TASKS, count, &c);
      for (size_t i = 0; i < TASKS; i++) failed |= c.runs[i] != 1;
    }
    _exit(failed);
  }
  int status;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static void *jobs_until(void *done) {
  while (!atomic_load((atomic_int *)done)) {
    counted c = {.sums = 1};
    qp_parallel_for(TASKS, count, &c);
  }
  return NULL;
}

// Forks while workers watch, fall asleep or wake, and while a job of another thread runs.
static void forks(void) {
  int works = 1;
  for (long i = 0; works && i < 300; i++) {
    counted c = {.sums = 1};
    for (long job = 0; job <= i % 3; job++) qp_parallel_for(TASKS, count, &c);
    nanosleep(&(struct timespec){.tv_nsec = i % 40 * 10000}, NULL);
    works = child_works();
  }
  atomic_int done = 0;
  pthread_t caller;
  pthread_create(&caller, NULL, jobs_until, &done);
  for (int i = 0; works && i < 100; i++) works = child_works();
  atomic_store(&done, 1);
  pthread_join(caller, NULL);
  holds("a child of fork has workers of its own", works);
}

#endif

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
#ifndef NO_FORKS
  forks();
#endif
}
