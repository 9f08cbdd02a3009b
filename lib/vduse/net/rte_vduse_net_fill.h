/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RTE_VDUSE_NET_FILL_H
#define RTE_VDUSE_NET_FILL_H

/**
 * @file
 * How full the rings of a network device are.
 */

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rte_vduse_net;

/** A ring at one moment. */
struct rte_vduse_net_fill {
	uint16_t size; /**< descriptors; 0: the driver has not enabled it */
	int32_t fill;  /**< of these made available and not taken: to dequeue, what waits; to
			  enqueue, room; -1: not known, the ring is not mapped */
};

/**
 * Look at a ring. Any thread but one that polls the queue; it may wait for a burst to end.
 *
 * @param net the device
 * @param pair below the info's queue_pairs
 * @param dequeue which of the pair's two queues
 * @param[out] fill what there is
 */
void rte_vduse_net_fill(const struct rte_vduse_net *net, uint16_t pair, bool dequeue,
		struct rte_vduse_net_fill *fill);

#ifdef __cplusplus
}
#endif

#endif /* RTE_VDUSE_NET_FILL_H */
