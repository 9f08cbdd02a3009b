/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

#include "vf.h"

bool
vf_is(uint16_t port)
{
	struct rte_eth_dev_info info;
	char path[PATH_MAX];

	if (rte_eth_dev_info_get(port, &info) != 0 || info.device == NULL)
		return false;
	snprintf(path, sizeof(path), "/sys/bus/%s/devices/%s/physfn",
			rte_bus_name(rte_dev_bus(info.device)), rte_dev_name(info.device));
	return access(path, F_OK) == 0;
}

static int
add(struct vf_groups *groups, const struct rte_ether_addr *group)
{
	const unsigned int size = groups->size != 0 ? 2 * groups->size : 8;
	struct rte_ether_addr *of;
	unsigned int i;

	for (i = 0; i < groups->nb; i++)
		if (rte_is_same_ether_addr(&groups->of[i], group))
			return 0;
	if (groups->nb == groups->size) {
		of = realloc(groups->of, size * sizeof(*of));
		if (of == NULL)
			return -ENOMEM;
		groups->of = of;
		groups->size = size;
	}
	groups->of[groups->nb++] = *group;
	return 0;
}

int
vf_groups_hosts(struct vf_groups *groups)
{
	static const struct rte_ether_addr nodes = { { 0x33, 0x33, 0, 0, 0, 1 } },
					   hosts = { { 0x01, 0x00, 0x5e, 0, 0, 1 } };
	const int ret = add(groups, &nodes);

	return ret == 0 ? add(groups, &hosts) : ret;
}

/* ff02::1:ffXX:XXXX, and RFC 2464, 7. */
static int
add_solicited(struct vf_groups *groups, const uint8_t last[3])
{
	const struct rte_ether_addr group = { { 0x33, 0x33, 0xff, last[0], last[1], last[2] } };

	return add(groups, &group);
}

int
vf_groups_ipv6(struct vf_groups *groups, const uint8_t ipv6[16])
{
	return add_solicited(groups, &ipv6[13]);
}

int
vf_groups_mac(struct vf_groups *groups, const struct rte_ether_addr *mac)
{
	return add_solicited(groups, &mac->addr_bytes[3]);
}

void
vf_groups_free(struct vf_groups *groups)
{
	free(groups->of);
	memset(groups, 0, sizeof(*groups));
}

int
vf_hear(uint16_t port, const struct vf_groups *groups)
{
	return rte_eth_dev_set_mc_addr_list(port, groups->of, groups->nb);
}

int
vf_take_mac(uint16_t port, const struct rte_ether_addr *mac)
{
	struct rte_ether_addr own, wanted = *mac;
	const int ret = rte_eth_macaddr_get(port, &own);

	if (ret != 0 || rte_is_same_ether_addr(&own, mac))
		return ret;
	return rte_eth_dev_default_mac_addr_set(port, &wanted);
}
