/// Threads by a small pool, for builds without OpenMP. Workers sleep between jobs. When the pool is busy (a second caller),
/// the caller works alone: right, only slower.
#ifndef QP_HAVE_OPENMP
#include <pthread.h>

#include "include/qpeft_kernels.h"
#include "threads/parallel.h"

static pthread_mutex_t owner = PTHREAD_MUTEX_INITIALIZER;  // held for the whole of one job
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;   // guards what follows
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER, done = PTHREAD_COND_INITIALIZER;
static qp_job *current;
static size_t started, wanted, running;

const char *qp_thread_backend(void) { return "pthread"; }

static void *worker(void *unused) {
  (void)unused;
  pthread_mutex_lock(&lock);
  for (;;) {
    while (wanted == 0) pthread_cond_wait(&wake, &lock);
    wanted--;
    running++;
    qp_job *job = current;
    pthread_mutex_unlock(&lock);
    qp_job_work(job);
    pthread_mutex_lock(&lock);
    if (--running == 0 && wanted == 0) pthread_cond_signal(&done);
  }
  return NULL;
}

static void start_workers(size_t count) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 1 << 20);
  pthread_t thread;
  while (started < count && pthread_create(&thread, &attributes, worker, NULL) == 0) started++;
  pthread_attr_destroy(&attributes);
}

void qp_threads_run(qp_job *job, size_t threads) {
  if (pthread_mutex_trylock(&owner) != 0) {
    qp_job_work(job);
    return;
  }
  pthread_mutex_lock(&lock);
  start_workers(threads - 1);
  current = job;
  wanted = started < threads - 1 ? started : threads - 1;
  pthread_cond_broadcast(&wake);
  pthread_mutex_unlock(&lock);
  qp_job_work(job);
  pthread_mutex_lock(&lock);
  wanted = 0;  // who has not woken yet is not needed any more
  while (running > 0) pthread_cond_wait(&done, &lock);
  pthread_mutex_unlock(&lock);
  pthread_mutex_unlock(&owner);
}
#endif
