/* SPDX-License-Identifier: BSD-3-Clause */

/* What containers need of the uplinks' filters: their addresses and groups, or all frames. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_ethdev.h>

#include "node_priv.h"
#include "vf.h"

/* So many more reasons for it to take every frame, or less. */
static void
count_unfiltered(struct uplink *u, int more)
{
	u->unfiltered += more;
	if (u->promiscuous == (u->unfiltered != 0))
		return;
	u->promiscuous = u->unfiltered != 0;
	if (u->promiscuous)
		rte_eth_promiscuous_enable(u->port.id);
	else
		rte_eth_promiscuous_disable(u->port.id);
	if (u->vf && u->promiscuous)
		rte_eth_allmulticast_enable(u->port.id);
	else if (u->vf)
		rte_eth_allmulticast_disable(u->port.id);
}

/* IPv6 prefixes of one address. Return: 0 or -ENOMEM. */
static int
add_groups(struct vf_groups *groups, const struct node_container_conf *conf)
{
	const struct veb_prefix *prefix;
	int ret = vf_groups_mac(groups, &conf->mac);

	for (prefix = conf->prefixes; prefix < conf->prefixes + conf->nb_prefixes && ret == 0;
			prefix++)
		if (prefix->ipv6 && prefix->len == 128)
			ret = vf_groups_ipv6(groups, prefix->addr);
	return ret;
}

/*
 * The groups of all that are there, as a VF has to name them: not all groups beside them, which a
 * PF may take for an order to drop the list, and then not grant.
 */
static void
hear_groups(const struct uplink *u)
{
	struct vf_groups groups = { 0 };
	const struct container *c;
	char text[NODE_TEXT_SIZE];
	int ret;

	if (!u->vf || u->plug.out)
		return;
	ret = vf_groups_hosts(&groups);
	LIST_FOREACH (c, &u->network->containers, next)
		if (ret == 0)
			ret = add_groups(&groups, &c->conf);
	if (ret == 0)
		ret = vf_hear(u->port.id, &groups);
	vf_groups_free(&groups);
	/* one without a list has all groups, or none */
	if (ret == -ENOTSUP)
		ret = rte_eth_allmulticast_enable(u->port.id);
	if (ret == 0)
		return;
	snprintf(text, sizeof(text),
			"the virtual function does not take the multicast groups of its "
			"containers (%s): IPv6 neighbours outside may not find them",
			strerror(-ret));
	uplink_tell(u, NODE_UPLINK_FAULT, text);
}

/* A VF is seldom promiscuous, whatever its driver answers. */
static void
tell_unheard(const struct uplink *u, const struct container *c, int ret)
{
	char mac[RTE_ETHER_ADDR_FMT_SIZE], text[NODE_TEXT_SIZE];

	rte_ether_format_addr(mac, sizeof(mac), &c->conf.mac);
	snprintf(text, sizeof(text),
			"the virtual function does not take the address %s of container %s "
			"(%s), which will hear only broadcasts there: give the container the "
			"virtual function's own address, or the virtual function trust (ip "
			"link set PF vf N trust on spoofchk off)",
			mac, c->conf.name, strerror(-ret));
	uplink_tell(u, NODE_UPLINK_FAULT, text);
}

static bool
has_own_mac(const struct uplink *u, const struct container *c)
{
	struct rte_ether_addr own;

	return u->vf && rte_eth_macaddr_get(u->port.id, &own) == 0 &&
	       rte_is_same_ether_addr(&own, &c->conf.mac);
}

static void
close_at(struct container *c, struct uplink *u)
{
	const uint32_t bit = RTE_BIT32(u->slot);

	if ((c->unfiltered & bit) != 0) {
		c->unfiltered &= ~bit;
		count_unfiltered(u, -1);
	} else if (!has_own_mac(u, c)) {
		rte_eth_dev_mac_addr_remove(u->port.id, &c->conf.mac);
	}
}

static void
open_at(struct container *c, struct uplink *u)
{
	int ret = 0;

	if (has_own_mac(u, c) && !c->conf.trust)
		return;
	if (!c->conf.trust) {
		ret = rte_eth_dev_mac_addr_add(u->port.id, &c->conf.mac, 0);
		if (ret == 0)
			return;
	}
	if (u->vf && ret != 0)
		tell_unheard(u, c, ret);
	c->unfiltered |= RTE_BIT32(u->slot);
	count_unfiltered(u, 1);
}

static void
filter_at(struct container *c, struct uplink *u, bool add)
{
	/* all are when it is there again */
	if (u->plug.out)
		return;
	if (add)
		open_at(c, u);
	else
		close_at(c, u);
}

void
network_hear(const struct network *network)
{
	const struct uplink *u;

	LIST_FOREACH (u, &network->uplinks, next)
		hear_groups(u);
}

void
container_filter(struct container *c, bool add)
{
	struct uplink *u;

	LIST_FOREACH (u, &c->network->uplinks, next)
		filter_at(c, u, add);
	if (add)
		network_hear(c->network);
}

void
uplink_filter(struct uplink *u, bool add)
{
	struct container *c;

	if (add && !u->plug.out) {
		/* some drivers begin with everything */
		rte_eth_promiscuous_disable(u->port.id);
		if (!u->vf && rte_eth_allmulticast_enable(u->port.id) != 0)
			count_unfiltered(u, 1);
	}
	LIST_FOREACH (c, &u->network->containers, next)
		filter_at(c, u, add);
	if (add)
		hear_groups(u);
}

/* Whether no container has it. */
static bool
is_free(const struct network *network, const struct rte_ether_addr *mac)
{
	const struct container *c;

	LIST_FOREACH (c, &network->containers, next)
		if (rte_is_same_ether_addr(&c->conf.mac, mac))
			return false;
	return true;
}

void
network_vf_mac(const struct network *network, struct rte_ether_addr *mac)
{
	const struct uplink *u;

	LIST_FOREACH (u, &network->uplinks, next)
		if (u->vf && !u->plug.out && rte_eth_macaddr_get(u->port.id, mac) == 0 &&
				is_free(network, mac))
			return;
	memset(mac, 0, sizeof(*mac));
}
