/* SPDX-License-Identifier: BSD-3-Clause */

/* Containers that are there: other rules, another lcore, gone. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_ethdev.h>

#include "node_priv.h"

/* The words that are to change, out of `from`. */
static void
merge(struct node_container_conf *to, const struct node_container_conf *from, uint64_t which)
{
#define MERGE(bit, field)                        \
	do {                                     \
		if ((which & (bit)) != 0)        \
			to->field = from->field; \
	} while (0)
	MERGE(NODE_SET_MAC, mac);
	MERGE(NODE_SET_VLAN, vlan);
	MERGE(NODE_SET_QOS, qos);
	MERGE(NODE_SET_TRUNK, has_trunk);
	MERGE(NODE_SET_TRUNK, trunk);
	MERGE(NODE_SET_SPOOFCHK, spoofchk);
	MERGE(NODE_SET_TRUST, trust);
	MERGE(NODE_SET_MAX_MACS, max_macs);
	MERGE(NODE_SET_TX_RATE, max_tx_rate);
	MERGE(NODE_SET_RX_RATE, max_rx_rate);
	MERGE(NODE_SET_BURST, burst);
	MERGE(NODE_SET_BUM_RATE, bum_rate);
	MERGE(NODE_SET_ISOLATED, isolated);
	MERGE(NODE_SET_LINK, link);
	MERGE(NODE_SET_GRO, gro);
#undef MERGE
	if ((which & NODE_SET_IP) != 0) {
		to->nb_prefixes = from->nb_prefixes;
		memcpy(to->prefixes, from->prefixes, sizeof(to->prefixes));
	}
	if ((which & NODE_SET_MIRROR) != 0)
		memcpy(to->mirror, from->mirror, sizeof(to->mirror));
}

static bool
needs_reattach(const struct container *c, const struct node_container_conf *conf, uint64_t which,
		struct node_error *error)
{
	const char *word = NULL;

	if ((which & NODE_SET_NETWORK) != 0 && strcmp(c->conf.network, conf->network) != 0)
		word = "network";
	else if ((which & NODE_SET_QUEUES) != 0 && c->conf.queues != conf->queues)
		word = "queues";
	else if ((which & NODE_SET_QUEUE_SIZE) != 0 && c->conf.queue_size != conf->queue_size)
		word = "queue_size";
	else if ((which & NODE_SET_PROFILE) != 0 && c->conf.profile != conf->profile)
		word = "profile";
	if (word == NULL)
		return false;
	node_fail(error, -EINVAL, NODE_WHY("NeedsReattach", word),
			"its driver has negotiated %s: container %s has to be removed and added "
			"again",
			word, c->conf.name);
	return true;
}

int
node_container_set(struct node *node, const struct node_container_conf *conf, uint64_t which,
		struct node_error *error)
{
	struct container *c = node_find_container(node, conf->name);
	struct node_container_conf next;
	int ret;

	if (c == NULL)
		return node_fail(error, -ENOENT, NODE_WHY("NoSuchContainer", "name"),
				"no container %s: add it first", conf->name);
	if (needs_reattach(c, conf, which, error))
		return -EINVAL;
	next = c->conf;
	merge(&next, conf, which);
	/* one is a copy of the other, padding too;
	 * NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	if (memcmp(&next, &c->conf, sizeof(next)) == 0)
		return 1;
	next.mirror_waits = conf->mirror_waits;
	ret = container_apply(c, &next, error);
	if (ret != 0)
		return ret;
	next.mirror_waits = false;
	container_filter(c, false);
	if (!rte_is_same_ether_addr(&next.mac, &c->conf.mac))
		rte_vduse_net_set_mac(c->net, &next.mac);
	c->conf = next;
	container_filter(c, true);
	return 0;
}

int
node_container_del(struct node *node, const char *name, struct node_error *error)
{
	struct container *c = node_find_container(node, name);
	char gone[NODE_NAME_SIZE];
	int ret;

	if (c == NULL)
		return 1;
	memcpy(gone, c->conf.name, sizeof(gone));
	container_filter(c, false);
	LIST_REMOVE(c, next);
	c->network->nb_containers--;
	network_hear(c->network);
	container_tell(c, NODE_CONTAINER_GONE, NULL);
	ret = container_free(c);
	if (ret == 0)
		return 0;
	return node_fail(error, ret, NODE_WHY("Busy", "name"),
			"container %s is removed, but its device stays in /dev/vduse while "
			"somebody "
			"has it open: %s",
			gone, strerror(-ret));
}

void
container_look(struct container *c)
{
	struct rte_vduse_net_info info;
	char text[NODE_TEXT_SIZE];

	rte_vduse_net_info(c->net, &info);
	if (info.dev.started != c->attached) {
		c->attached = info.dev.started;
		container_tell(c, c->attached ? NODE_CONTAINER_ATTACHED : NODE_CONTAINER_DETACHED,
				NULL);
	}
	if (info.dev.broken && !c->broken) {
		snprintf(text, sizeof(text),
				"its device is %s: the kernel has given it up, or its driver's "
				"rings are bad, until the driver resets it; a line of log says "
				"which",
				info.dev.phase);
		container_tell(c, NODE_CONTAINER_FAULT, text);
	}
	c->broken = info.dev.broken;
}
