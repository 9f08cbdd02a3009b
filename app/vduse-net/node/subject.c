/* SPDX-License-Identifier: BSD-3-Clause */

/* Who is to be looked at. */

#include <errno.h>
#include <string.h>

#include "node_priv.h"

static bool
find_uplink(const struct node *node, const char *name, struct subject *s)
{
	const struct network *n;
	const struct uplink *u;

	LIST_FOREACH (n, &node->networks, next)
		LIST_FOREACH (u, &n->uplinks, next) {
			if (strcmp(u->port.name, name) != 0)
				continue;
			*s = (struct subject){ .member = u->member,
				.network = n,
				.name = u->port.name,
				.uplink = true,
				.seats = u->seats,
				.nb_seats = u->plug.out ? 0 : u->port.nb_rxq };
			return true;
		}
	return false;
}

int
node_find_subject(const struct node *node, const char *name, struct subject *s,
		struct node_error *error)
{
	struct container *c = node_find_container(node, name);

	if (c != NULL) {
		*s = (struct subject){ .member = c->member,
			.network = c->network,
			.name = c->conf.name,
			.mac = c->conf.mac.addr_bytes,
			.seats = c->seats,
			.nb_seats = c->nb_queues };
		return 0;
	}
	if (find_uplink(node, name, s))
		return 0;
	return node_fail(error, -ENOENT, NODE_WHY("NoSuchContainer", "name"),
			"no container and no uplink %s: container show and network show list them",
			name);
}
