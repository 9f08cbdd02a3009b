/* SPDX-License-Identifier: BSD-3-Clause */

/* Who reads frames that were not copied. */

#include <string.h>

#include <rte_common.h>

#include "net/net.h"
#include "net/zc.h"

void
rte_vduse_net_set_reader(struct rte_vduse_net *net, enum rte_vduse_net_reader reader)
{
	uint16_t i;

	for (i = 0; net->zc != NULL && i < net->zc->nb; i++)
		__atomic_store_n(&net->zc->zc[i]->reader, (uint8_t)reader, __ATOMIC_RELAXED);
}

uint16_t
rte_vduse_net_owed(const struct rte_vduse_net *net, uint16_t pair)
{
	const struct net_zc *zc = net->queues[2 * pair + 1].zc;

	return zc == NULL ? 0 : zc->owed;
}

void
rte_vduse_net_frames_read(struct rte_vduse_net *net, uint16_t pair)
{
	struct net_zc *zc = net->queues[2 * pair + 1].zc;

	if (zc != NULL)
		zc->all_read = true;
}

bool
rte_vduse_net_read_by_processor(const char *bus, const char *device)
{
	/* that is how the bus finds a driver */
	static const char *const drivers[] = { "net_af_packet", "net_null", "net_pcap", "net_tap",
		"net_vduse", "net_vhost" };
	unsigned int i;

	if (bus == NULL || device == NULL || strcmp(bus, "vdev") != 0)
		return false;
	for (i = 0; i < RTE_DIM(drivers); i++)
		if (strncmp(device, drivers[i], strlen(drivers[i])) == 0)
			return true;
	return false;
}
