#ifndef QP_Q4_RULES_H
#define QP_Q4_RULES_H

#include "dispatch/kernel_set.h"

extern const qp_q4_rule qp_q4_rules[2];  // by qp_q4_kind

#endif
