/* SPDX-License-Identifier: BSD-3-Clause */

/* A network's ports as a set. */

#include <errno.h>
#include <string.h>

#include "node_priv.h"

/* By its name: one whose device is out has no number. */
static struct uplink *
find_uplink(const struct network *network, const char *name)
{
	struct uplink *u;

	LIST_FOREACH (u, &network->uplinks, next)
		if (strcmp(u->port.name, name) == 0)
			return u;
	return NULL;
}

static bool
is_among(const struct node_network_conf *conf, const char *name)
{
	unsigned int i;

	for (i = 0; i < conf->nb_uplinks; i++)
		if (strcmp(conf->uplinks[i], name) == 0)
			return true;
	return false;
}

/* What is to go must be nobody's mirror. */
static int
check_mirrors(const struct network *network, const struct node_network_conf *conf,
		struct node_error *error)
{
	const struct container *c;
	const struct uplink *u;

	LIST_FOREACH (u, &network->uplinks, next)
		LIST_FOREACH (c, &network->containers, next)
			if (!is_among(conf, u->port.name) &&
					strcmp(c->conf.mirror, u->port.name) == 0)
				return node_fail(error, -EBUSY, NODE_WHY("Conflict", "uplinks"),
						"port %s is the mirror of container %s: give that "
						"another first, or none",
						u->port.name, c->conf.name);
	return 0;
}

/* All that are not among these, with what containers need of them. */
static void
del_others(struct network *network, const struct node_network_conf *conf)
{
	struct uplink *u, *next;

	for (u = LIST_FIRST(&network->uplinks); u != NULL; u = next) {
		next = LIST_NEXT(u, next);
		if (is_among(conf, u->port.name))
			continue;
		uplink_filter(u, false);
		uplink_del(u);
	}
}

/* The new ones beside the old, so that nobody is without; then the old go. */
int
uplinks_set(struct network *network, const struct node_network_conf *conf, struct node_error *error)
{
	const struct node_network_conf before = network->conf;
	unsigned int i;
	int ret;

	ret = check_mirrors(network, conf, error);
	network->conf = *conf;
	for (i = 0; i < conf->nb_uplinks && ret == 0; i++) {
		if (find_uplink(network, conf->uplinks[i]) != NULL)
			continue;
		ret = uplink_add(network, conf->uplinks[i], error);
	}
	if (ret == 0)
		ret = network_check_mtu(network, conf, error);
	if (ret != 0)
		network->conf = before;
	del_others(network, &network->conf);
	return ret;
}
