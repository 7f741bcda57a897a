/// The processor time that a container or a service may take.
#ifndef QP_CPU_QUOTA_H
#define QP_CPU_QUOTA_H

#include <stddef.h>

/// Cores that the control groups of this process (Linux, versions 1 and 2) leave it, a part of one counted as one; 0 where nothing
/// limits them. `membership` is the list of its groups (/proc/self/cgroup), `root` where groups are mounted (/sys/fs/cgroup).
size_t qp_quota_cores(const char *membership, const char *root);

#endif
