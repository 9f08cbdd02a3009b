/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_PAIRS_H
#define NET_PAIRS_H

#include "net/net.h"

/**
 * What bursts need beside the virtqueues, for every queue pair of the device
 * that there is.
 *
 * @param call_thread its interrupts are sent by a thread
 * @return 0 or -ENOMEM with a line of log; mirror: net_pairs_free()
 */
int net_pairs_alloc(struct rte_vduse_net *net, bool call_thread);
void net_pairs_free(struct rte_vduse_net *net);

#endif /* NET_PAIRS_H */
