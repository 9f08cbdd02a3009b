/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PMD_COMPAT_H
#define PMD_COMPAT_H

/*
 * Every difference between the DPDK releases served (22.11 to 25.11) that the
 * driver meets.
 */

#include <rte_version.h>

/** The counters of single queues: in the port's until 25.11, then beside them, if anywhere. */
#if RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0)
#define PMD_STATS_QUEUES  , struct eth_queue_stats *queues
#define PMD_QUEUES(field) (queues != NULL ? queues->field : NULL)
#else
#define PMD_STATS_QUEUES
#define PMD_QUEUES(field) (stats->field)
#endif

#endif /* PMD_COMPAT_H */
