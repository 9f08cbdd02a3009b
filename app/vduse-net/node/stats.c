/* SPDX-License-Identifier: BSD-3-Clause */

/* Counters in lines, as they are of a wire. */

#include <inttypes.h>

#include <rte_common.h>

#include "node_priv.h"

static uint64_t
drops_of(const struct veb_stats *stats)
{
	uint64_t all = 0;
	unsigned int i;

	for (i = 0; i < RTE_DIM(stats->drops); i++)
		all += stats->drops[i];
	return all;
}

/* " (spoofed MAC 3, wrong VLAN 1)", or nothing. */
static void
print_reasons(FILE *out, const struct veb_stats *stats)
{
	const char *before = " (";
	unsigned int i;

	for (i = 0; i < RTE_DIM(stats->drops); i++) {
		if (stats->drops[i] == 0)
			continue;
		fprintf(out, "%s%s %" PRIu64, before, veb_drop_name(i), stats->drops[i]);
		before = ", ";
	}
	if (before[0] == ',')
		fputc(')', out);
}

static void
print_network(void *arg, const struct node_network *network)
{
	fprintf(arg, "network %s (%s): mtu %u, %u containers\n", network->conf->name,
			network->up ? "up" : "down", network->mtu, network->nb_containers);
}

/* What came from outside, and what was given to the port. */
static void
print_uplink(void *arg, const struct node_uplink *uplink)
{
	FILE *out = arg;

	fprintf(out, "uplink %s of %s (%s): rx %" PRIu64 " tx %" PRIu64 " drops %" PRIu64,
			uplink->name, uplink->network, uplink->up ? "up" : "down", uplink->stats.in,
			uplink->sent.tx, drops_of(&uplink->stats) + fwd_drops(&uplink->sent));
	print_reasons(out, &uplink->stats);
	if (fwd_drops(&uplink->sent) != 0)
		fprintf(out, ", %" PRIu64 " by the port", fwd_drops(&uplink->sent));
	if (uplink->sent.more != 0)
		fprintf(out, ", %" PRIu64 " more by cutting", uplink->sent.more);
	fputc('\n', out);
}

/* As the container counts: rx is what it was given. */
static void
print_container(void *arg, const struct node_container *container)
{
	FILE *out = arg;

	fprintf(out, "container %s of %s (%s): rx %" PRIu64 " tx %" PRIu64 " drops %" PRIu64,
			container->conf->name, container->conf->network,
			container->up ? "up" : "down", container->stats.out, container->stats.in,
			drops_of(&container->stats));
	print_reasons(out, &container->stats);
	if (container->stats.merged != 0)
		fprintf(out, ", %" PRIu64 " put together with others", container->stats.merged);
	fputc('\n', out);
}

void
node_print(const struct node *node, FILE *out)
{
	node_networks(node, print_network, out);
	node_uplinks(node, print_uplink, out);
	node_containers(node, NULL, print_container, out);
	fflush(out);
}
