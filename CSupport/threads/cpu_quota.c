#include "threads/cpu_quota.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { QP_PATH = 4096 };

static FILE *open_in(const char *root, const char *folder, const char *group, const char *name) {
  char path[QP_PATH];
  int length = snprintf(path, sizeof path, "%s%s%s/%s", root, folder, group, name);
  return length > 0 && length < QP_PATH ? fopen(path, "r") : NULL;
}

// Microseconds of all cores in microseconds of the clock; nothing is read where there is no limit ("max", -1).
static int read_two(FILE *file, long long *quota, long long *period) {
  if (!file) return 0;
  int count = fscanf(file, "%lld %lld", quota, period);
  fclose(file);
  return count;
}

static size_t cores_of_group(const char *root, int version, const char *group) {
  long long quota = 0, period = 0, unused;
  if (version == 2) {
    if (read_two(open_in(root, "", group, "cpu.max"), &quota, &period) < 2) return 0;
  } else if (read_two(open_in(root, "/cpu", group, "cpu.cfs_quota_us"), &quota, &unused) < 1 ||
             read_two(open_in(root, "/cpu", group, "cpu.cfs_period_us"), &period, &unused) < 1) {
    return 0;
  }
  if (quota <= 0 || period <= 0) return 0;
  return (size_t)(quota / period + (quota % period > 0));
}

// The least of a group and those above it. Inside a container the path may be one of outside: then only the last exists.
static size_t cores_of_groups(const char *root, int version, char *group) {
  size_t least = SIZE_MAX;
  for (char *end = group + strlen(group); end; end = strrchr(group, '/')) {
    *end = 0;
    size_t cores = cores_of_group(root, version, group);
    if (cores && cores < least) least = cores;
  }
  return least;
}

// Whether a list of names separated by commas holds "cpu".
static int names_cpu(char *controllers) {
  for (char *rest, *name = strtok_r(controllers, ",", &rest); name; name = strtok_r(NULL, ",", &rest))
    if (strcmp(name, "cpu") == 0) return 1;
  return 0;
}

size_t qp_quota_cores(const char *membership, const char *root) {
  FILE *file = fopen(membership, "r");
  if (!file) return 0;
  size_t least = SIZE_MAX;
  char line[QP_PATH];
  while (fgets(line, sizeof line, file)) {  // number:controllers:group
    line[strcspn(line, "\n")] = 0;
    char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group) continue;
    *group++ = 0;
    int version = *++controllers ? 1 : 2;
    if (version == 1 && !names_cpu(controllers)) continue;
    size_t cores = cores_of_groups(root, version, group);
    if (cores < least) least = cores;
  }
  fclose(file);
  return least == SIZE_MAX ? 0 : least;
}
