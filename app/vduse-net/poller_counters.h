/* SPDX-License-Identifier: BSD-3-Clause */

/* What is counted of members and lcores, by the names of counters.h: "statistics" of lists. */

#ifndef POLLER_COUNTERS_H
#define POLLER_COUNTERS_H

#include <jansson.h>

#include "node/node.h"

/** Each a new object. */
json_t *poller_container_counters(const struct node_container *container);
json_t *poller_uplink_counters(const struct node_uplink *uplink);
json_t *poller_lcore_counters(const struct node_lcore *lcore);

#endif /* POLLER_COUNTERS_H */
