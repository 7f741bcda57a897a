/// What the C tests share: repeatable numbers, memory of exact sizes (so that a sanitizer sees one byte too many), comparisons.
#ifndef QP_CHECK_H
#define QP_CHECK_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch/kernel_set.h"

/// Unit roundoff of float32, and the smallest denormal.
#define EPS 0x1p-24
#define TINY 0x1p-149

/// Says where the checks that follow are (printf); part of every message.
void at(const char *format, ...) __attribute__((format(printf, 1, 2)));
/// Fails unless `found` has the bytes of `expected`.
void same(const char *what, const void *found, const void *expected, size_t bytes);
/// Fails unless `found` has the numbers of `expected`, bit for bit but for NaN, of which there are several.
void same_numbers(const char *what, const float *found, const float *expected, size_t count);
/// Fails unless |found - expected| <= bound for every element.
void within(const char *what, const float *found, const double *expected, const double *bound, size_t count);
/// Fails unless `true_`.
void holds(const char *what, int true_);
size_t failures(void);

/// Memory until the next `clear`, of exactly that many bytes, filled with 0xAA; `clear` checks that nothing wrote past it.
void *room(size_t bytes);
float *room_floats(size_t count);
double *room_doubles(size_t count);
void *copy_of(const void *values, size_t bytes);
void clear(void);

void seed(uint64_t value);
uint64_t next(void);
float *random_floats(size_t count, float scale);  // uniform in -scale ... scale
uint8_t *random_bytes(size_t count);

/// A frozen matrix in one of the storages, and its numbers by a plain reading of the format.
typedef struct {
  qp_matrix view;
  const float *dense;
  const char *storage;
} test_matrix;
enum { STORAGES = 6, LARGE_NESTED = STORAGES };  // and one more, for what reads scales of scales itself
test_matrix matrix_of(int storage, size_t rows, size_t columns);

/// The tests: leaves of the set in use against the definition, then drivers with 1, 2 and 3 threads.
void test_products(const qp_kernel_set *set);
void test_few(const qp_kernel_set *set);
void test_codecs(const qp_kernel_set *set);
void test_blocks(const qp_kernel_set *set);
void test_rows(const qp_kernel_set *set);
void test_vectors(const qp_kernel_set *set);
void test_drivers(void);
/// Threads: how many there are to be, and what they do.
void test_quota(void);
void test_parallel(void);

#endif
