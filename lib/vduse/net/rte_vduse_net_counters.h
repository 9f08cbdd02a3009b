/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RTE_VDUSE_NET_COUNTERS_H
#define RTE_VDUSE_NET_COUNTERS_H

/**
 * @file
 * Counters of a network device, for secondary processes too.
 */

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rte_vduse_net;
struct rte_vduse_net_queue_stats;

/**
 * The counters of all queues of a device, where DPDK's secondary processes have them too:
 * in memory of EAL's, at the same address.
 */
struct rte_vduse_net_counters;

/**
 * Where they are.
 *
 * @param net the device
 * @return valid until the device is destroyed
 */
const struct rte_vduse_net_counters *rte_vduse_net_counters(const struct rte_vduse_net *net);

/**
 * Read them: in the process of the device as rte_vduse_net_queue_stats(). A secondary process
 * is told the kicks that the device's own process has read, as its descriptors are its own.
 *
 * @param counters of rte_vduse_net_counters(), in that process or in a secondary one of it
 * @param pair below the info's queue_pairs
 * @param dequeue which of the pair's two queues
 * @param[out] stats the counters
 */
void rte_vduse_net_counters_read(const struct rte_vduse_net_counters *counters, uint16_t pair,
		bool dequeue, struct rte_vduse_net_queue_stats *stats);

#ifdef __cplusplus
}
#endif

#endif /* RTE_VDUSE_NET_COUNTERS_H */
