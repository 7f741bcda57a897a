/// Numbers, memory and comparisons of the C tests.
#include "check.h"

#include <stdarg.h>

static char where[256];
static size_t failed;

void at(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(where, sizeof where, format, arguments);
  va_end(arguments);
}

size_t failures(void) { return failed; }

// The first twenty are printed; a broken leaf has thousands.
static int fails(void) { return failed++ < 20; }

void holds(const char *what, int true_) {
  if (!true_ && fails()) printf("FAILED %s, %s: %s\n", qp_kernels()->name, where, what);
}

void same(const char *what, const void *found, const void *expected, size_t bytes) {
  const uint8_t *a = found, *b = expected;
  for (size_t i = 0; i < bytes; i++)
    if (a[i] != b[i]) {
      if (fails()) printf("FAILED %s, %s: %s differs at byte %zu of %zu\n", qp_kernels()->name, where, what, i, bytes);
      return;
    }
}

void same_numbers(const char *what, const float *found, const float *expected, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (!memcmp(found + i, expected + i, sizeof *found) || (found[i] != found[i] && expected[i] != expected[i])) continue;
    if (fails())
      printf("FAILED %s, %s: %s [%zu of %zu] is %.9g, expected %.9g\n", qp_kernels()->name, where, what, i, count, (double)found[i],
             (double)expected[i]);
    return;
  }
}

void within(const char *what, const float *found, const double *expected, const double *bound, size_t count) {
  for (size_t i = 0; i < count; i++) {
    double error = fabs((double)found[i] - expected[i]);
    int both_nan = found[i] != found[i] && expected[i] != expected[i], equal = (double)found[i] == expected[i];
    if (both_nan || equal || error <= bound[i]) continue;
    if (fails())
      printf("FAILED %s, %s: %s [%zu of %zu] is %.9g, expected %.9g within %.3g\n", qp_kernels()->name, where, what, i, count,
             (double)found[i], expected[i], bound[i]);
    return;
  }
}

// Where no sanitizer watches, a fence behind every piece of memory tells whether a leaf wrote too far.
#if __has_feature(address_sanitizer)
enum { FENCE = 0 };
#else
enum { FENCE = 64 };
#endif

static struct {
  uint8_t *memory;
  size_t bytes;
} rooms[4096];
static size_t room_count;

void *room(size_t bytes) {
  uint8_t *memory = malloc(bytes + FENCE ? bytes + FENCE : 1);
  if (!memory || room_count == sizeof rooms / sizeof *rooms) abort();
  rooms[room_count].memory = memory, rooms[room_count++].bytes = bytes;
  memset(memory + bytes, 0x5A, FENCE);
  return memset(memory, 0xAA, bytes);
}

float *room_floats(size_t count) { return room(count * sizeof(float)); }
double *room_doubles(size_t count) { return memset(room(count * sizeof(double)), 0, count * sizeof(double)); }
void *copy_of(const void *values, size_t bytes) { return memcpy(room(bytes), values, bytes); }

void clear(void) {
  while (room_count) {
    uint8_t *memory = rooms[--room_count].memory, *fence = memory + rooms[room_count].bytes;
    int whole = 1;
    for (int i = 0; i < FENCE; i++) whole &= fence[i] == 0x5A;
    holds("nothing is written past the end of an array", whole);
    free(memory);
  }
}

static uint64_t state;

void seed(uint64_t value) { state = value * 0x9E3779B97F4A7C15; }

uint64_t next(void) {  // SplitMix64
  uint64_t z = state += 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

float *random_floats(size_t count, float scale) {
  float *x = room_floats(count);
  for (size_t i = 0; i < count; i++) x[i] = ((float)(next() >> 40) * 0x1p-23f - 1) * scale;
  return x;
}

uint8_t *random_bytes(size_t count) {
  uint8_t *x = room(count);
  for (size_t i = 0; i < count; i++) x[i] = (uint8_t)next();
  return x;
}
