/// Processor time of control groups, read from files as the system has them.
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "threads/cpu_quota.h"

static char folder[] = "/tmp/qpeft-quota-XXXXXX";
static char path[512];

static const char *in_folder(const char *name) {
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static void write_file(const char *name, const char *text) {
  FILE *file = fopen(in_folder(name), "w");
  if (!file) return holds("a file can be written", 0);
  fputs(text, file);
  fclose(file);
}

static void expect(const char *groups, size_t cores) {
  write_file("groups", groups);
  char groups_path[512];
  strcpy(groups_path, in_folder("groups"));
  at("%s", groups);
  size_t found = qp_quota_cores(groups_path, folder);
  if (found != cores) printf("%zu cores, not %zu\n", found, cores);
  holds("cores of the quota", found == cores);
}

void test_quota(void) {
  if (!mkdtemp(folder)) return holds("a folder can be made", 0);
  const char *folders[] = {"a", "a/b", "a/b/c", "cpu", "cpu/x", "cpu/x/y"};
  for (size_t i = 0; i < 6; i++) mkdir(in_folder(folders[i]), 0700);
  write_file("cpu.max", "max 100000\n");
  write_file("a/cpu.max", "150000 100000\n");
  write_file("a/b/cpu.max", "400000 100000\n");
  write_file("a/b/c/cpu.max", "nonsense\n");
  write_file("cpu/cpu.cfs_quota_us", "-1\n");
  write_file("cpu/cpu.cfs_period_us", "100000\n");
  write_file("cpu/x/cpu.cfs_quota_us", "50000\n");
  write_file("cpu/x/cpu.cfs_period_us", "100000\n");
  write_file("cpu/x/y/cpu.cfs_quota_us", "300000\n");

  expect("0::/\n", 0);
  expect("0::/a\n", 2);
  expect("0::/a/b\n", 2);  // The group above has less.
  expect("0::/a/b/c\n", 2);
  expect("0::/of/outside\n", 0);
  expect("3:cpuset:/a\n4:cpu,cpuacct:/\n0::/\n", 0);
  expect("3:cpuset:/a\n4:cpuacct,cpu:/x\n0::/\n", 1);
  expect("4:cpu:/x/y\n", 1);  // No period, no limit; the group above has one.
  expect("4:cpu:/x\n0::/a\n", 1);
  expect("nonsense\n::\n:\n\n", 0);
  at("no file");
  holds("nothing limits", qp_quota_cores("/nowhere/groups", folder) == 0);

  const char *files[] = {"groups", "cpu.max", "a/cpu.max", "a/b/cpu.max", "a/b/c/cpu.max", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us",
                         "cpu/x/cpu.cfs_quota_us", "cpu/x/cpu.cfs_period_us", "cpu/x/y/cpu.cfs_quota_us"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) unlink(in_folder(files[i]));
  for (size_t i = 6; i-- > 0;) rmdir(in_folder(folders[i]));
  rmdir(folder);
  clear();
}
