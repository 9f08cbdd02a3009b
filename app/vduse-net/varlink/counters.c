/* SPDX-License-Identifier: BSD-3-Clause */

#include "counters.h"

#define ROW(id, key, kind, metric, unit, help) { key, COUNTER_##kind, metric, unit, help },

static const struct counter network[] = { COUNTERS_NETWORK(ROW) };
static const struct counter uplink[] = { COUNTERS_UPLINK(ROW) };
static const struct counter container[] = { COUNTERS_CONTAINER(ROW) };
static const struct counter lcore[] = { COUNTERS_LCORE(ROW) };

const struct counter_owner counter_owners[COUNTER_OWNERS] = {
	[COUNTER_OF_NETWORK] = { "ListNetworks", "networks", { "name" }, { "network" }, network,
			COUNTER_NETWORK_ALL },
	[COUNTER_OF_UPLINK] = { "ListUplinks", "uplinks", { "name", "network" },
			{ "uplink", "network" }, uplink, COUNTER_UPLINK_ALL },
	[COUNTER_OF_CONTAINER] = { "ListContainers", "containers", { "name", "network" },
			{ "container", "network" }, container, COUNTER_CONTAINER_ALL },
	[COUNTER_OF_LCORE] = { "ListLcores", "lcores", { "lcore" }, { "lcore" }, lcore,
			COUNTER_LCORE_ALL },
};
