/* SPDX-License-Identifier: BSD-3-Clause */

/* Who uses lcores, and who keeps up with them. */

#include <rte_cycles.h>

#include "node_priv.h"

static uint64_t
now(const struct node *node)
{
	return node->workers.now(node->workers.now_arg);
}

void
load_look(struct node *node)
{
	if (node->measured == 0 || now(node) < node->measured)
		return;
	node->measured = 0;
	workers_measure(&node->workers, WORKER_LOADS, false);
}

static uint64_t
cycles_of(const struct seat *seats, unsigned int n)
{
	uint64_t cycles = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		cycles += __atomic_load_n(&seats[i].cycles, __ATOMIC_RELAXED);
	return cycles;
}

void
load_add_ring(struct node_ring *sum, const struct rte_vduse_net_fill *one)
{
	if (one->size == 0)
		return;
	sum->size += one->size;
	sum->fill = sum->fill < 0 || one->fill < 0 ? -1 : sum->fill + one->fill;
}

/* An lcore that is this thread is in no burst, but may not look at its own rings. */
static void
look_at_rings(const struct container *c, struct node_load *load)
{
	struct rte_vduse_net_fill ring;
	uint16_t i;

	if (c->network->node->workers.on_main || !c->attached) {
		load->room.fill = load->waits.fill = -1;
		return;
	}
	for (i = 0; i < c->nb_queues; i++) {
		rte_vduse_net_fill(c->net, i, false, &ring);
		load_add_ring(&load->room, &ring);
		rte_vduse_net_fill(c->net, i, true, &ring);
		load_add_ring(&load->waits, &ring);
	}
}

static void
show_container(const struct container *c, node_load_cb cb, void *arg)
{
	struct node_load load = { .network = c->network->conf.name,
		.name = c->conf.name,
		.lcore = (int)c->seats->worker->lcore,
		.attached = c->attached,
		.cycles = cycles_of(c->seats, c->nb_queues) };

	veb_member_stats(c->member, &load.stats);
	look_at_rings(c, &load);
	cb(arg, &load);
}

static void
show_uplink(const struct uplink *u, node_load_cb cb, void *arg)
{
	struct node_load load = { .network = u->network->conf.name,
		.name = u->port.name,
		.uplink = true,
		.lcore = -1,
		.attached = u->up,
		.cycles = cycles_of(u->seats, u->port.nb_rxq),
		.room = { .fill = -1 },
		.waits = { .fill = -1 } };
	struct fwd_counters sent = { 0 };
	uint16_t i;

	veb_member_stats(u->member, &load.stats);
	for (i = 0; i < u->port.nb_txq; i++)
		fwd_read(&u->egress[i], &sent);
	load.lost = fwd_drops(&sent);
	cb(arg, &load);
}

void
node_loads(struct node *node, node_load_cb cb, void *arg)
{
	const struct container *c;
	const struct network *n;
	const struct uplink *u;

	node->measured = now(node) + NODE_MEASURE_S * rte_get_tsc_hz();
	workers_measure(&node->workers, WORKER_LOADS, true);
	LIST_FOREACH (n, &node->networks, next) {
		LIST_FOREACH (u, &n->uplinks, next)
			show_uplink(u, cb, arg);
		LIST_FOREACH (c, &n->containers, next)
			show_container(c, cb, arg);
	}
}

void
node_busies(const struct node *node, node_busy_cb cb, void *arg)
{
	const struct worker *w;

	for (w = node->workers.of; w < node->workers.of + node->workers.nb; w++) {
		const struct node_busy busy = { w->lcore,
			__atomic_load_n(&w->busy, __ATOMIC_RELAXED), now(node) };

		cb(arg, &busy);
	}
}
